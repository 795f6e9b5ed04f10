// `openclaw gateway run`: a server on the port that it is given, which runs
// turns for whoever has the token.
import { spawn } from 'node:child_process';
import http from 'node:http';
import { config, fail, found, given, hang, say, tell } from './fixture.mjs';
import { Failed, turn } from './turn.mjs';

const read = (request) =>
  new Promise((resolve) => {
    let text = '';
    request.setEncoding('utf8').on('data', (part) => (text += part));
    request.on('end', () => resolve(text));
  });

const answer = async (request, refuses) => {
  const body = JSON.parse(await read(request));
  const { token } = config().gateway.auth;
  const trusted = request.headers.authorization === `Bearer ${token}`;
  if (!trusted || token !== process.env.OPENCLAW_GATEWAY_TOKEN) return [401, { failed: 'unauthorized' }];
  if (refuses) return [503, { failed: 'not now' }];
  try {
    const { reply } = await turn(body.arguments);
    return [200, { runId: 'run-1', status: 'ok', summary: 'completed', result: reply }];
  } catch (error) {
    const lines = error instanceof Failed ? error.lines : [String(error)];
    for (const line of lines) console.error(`[agent] ${line}`);
    return [200, { failed: 'the run failed' }];
  }
};

export const run = async (args) => {
  const port = Number(args[args.indexOf('--port') + 1]);
  const script = await tell('gateway', { port, ...given(args) });
  await tell('note', { gateway: found(process.pid) });
  if (script.fails) fail(script.fails);
  if (script.ignoresSigterm) process.on('SIGTERM', () => {});
  if (script.leaves) {
    const child = spawn('/bin/sleep', ['600'], { detached: true, stdio: 'ignore' });
    await tell('note', { left: found(child.pid) });
    child.unref();
  }
  // Newer releases say it once before they listen.
  say('[gateway] ready');
  const server = http.createServer(async (request, response) => {
    const [status, body] = await answer(request, script.refuses);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  say('[gateway] http server listening (0 plugins)');
  if (script.neverReady) {
    say(script.neverReady);
    return hang();
  }
  say('[gateway] ready');
};
