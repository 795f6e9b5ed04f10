// One turn: what the model is asked, the tools that it calls, and the reply.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { config as readConfig, found, given, hang, state, tell } from './fixture.mjs';
import { ask, askBilled, events, secure, token, tunnel } from './upstream.mjs';

// Lines of a turn that failed.
export class Failed extends Error {
  constructor(lines) {
    super(lines[0]);
    this.lines = lines;
  }
}

const TOOLS = [
  { type: 'function', name: 'exec', parameters: {} },
  { type: 'function', name: 'read', parameters: {} },
];

const use = ({ name, arguments: text }) => {
  const call = JSON.parse(text);
  if (name === 'read') return fs.readFileSync(call.path, 'utf8');
  return spawnSync('/bin/sh', ['-c', call.command], { encoding: 'utf8' }).stdout;
};

const wanted = (message) => message.replace('Reply exactly: ', '');

// Asks until there is a text, with a tool call for an answer in between.
const converse = async (config, route, message, script) => {
  const input = [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: message }] }];
  const asked = (body) => (script.billed ? askBilled(script.billed, route, body) : ask(config, route, body));
  for (let calls = 0; ; calls++) {
    const answer = await asked({ input, tools: TOOLS });
    if (script.loops) {
      if (script.loops === 'refused' && answer.status !== 200) {
        throw new Failed([`provider answered ${answer.status}`]);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
      continue;
    }
    const told = events(answer);
    const text = told.find((event) => event.type === 'response.output_text.done')?.text;
    const item = told.find((event) => event.type === 'response.output_item.done')?.item;
    if (item?.type !== 'function_call') return text;
    if (script.tools === 'ignored') return wanted(message);
    if (script.stallsAfter === calls) await hang();
    const output = script.tools === 'made up' ? 'all is well' : use(item);
    input.push(item, { type: 'function_call_output', call_id: item.call_id, output });
  }
};

// What a release does besides its turn: looks for news, calls home.
const wander = async ({ asks = [], connects }) => {
  for (const host of asks) {
    const [name, port] = host.split(':');
    const { status, socket } = await tunnel(name, port);
    socket?.destroy();
    await tell('note', { asked: host, status });
  }
  if (connects) {
    const connected = await new Promise((resolve) => {
      const socket = net.connect(connects, '127.0.0.1');
      socket.on('connect', () => resolve(socket.destroy() && true)).on('error', () => resolve(false));
    });
    await tell('note', { connected });
  }
};

const leave = async (script) => {
  const env = script.environment === 'emptied' ? {} : process.env;
  const child = spawn('/bin/sleep', ['600'], { detached: true, stdio: 'ignore', env });
  await tell('note', { left: found(child.pid) });
  child.unref();
};

const reply = (route, harness, text, { payloads, agent = {}, trace = {}, meta = {} }) => ({
  payloads: payloads ?? [{ text, mediaUrl: null }],
  meta: {
    agentMeta: { provider: route.provider, model: route.model, agentHarnessId: harness, ...agent },
    executionTrace: {
      winnerProvider: route.provider,
      winnerModel: route.model,
      attempts: [{ result: 'success' }],
      fallbackUsed: false,
      runner: 'embedded',
      ...trace,
    },
    ...meta,
  },
});

// The harness that the config names; Codex's only where the plugin is on record
// and still where the record says.
const harnessOf = (config, id) => {
  const harness = config.agents.defaults.models?.[id]?.agentRuntime?.id ?? 'pi';
  if (harness !== 'codex') return harness;
  const record = path.join(state, 'plugins/installs.json');
  const installed = fs.existsSync(record) && JSON.parse(fs.readFileSync(record)).codex;
  const allowed = config.plugins?.entries?.codex?.enabled && config.plugins.allow?.includes('codex');
  if (!installed || !allowed || !fs.existsSync(path.join(installed, 'package.json'))) {
    throw new Failed(['Requested agent harness "codex" is not registered.']);
  }
  return harness;
};

// A turn to its end: `{reply}`, with lines to print before, or `{text}` to
// print in place of one.
export const turn = async (args) => {
  const message = args[args.indexOf('--message') + 1];
  const session = args[args.indexOf('--session-id') + 1];
  const script = await tell('turn', given(args));
  const config = readConfig();
  const id = config.agents.defaults.model.primary;
  const agent = args[args.indexOf('--agent') + 1];
  const agents = config.agents.list?.map((known) => known.id) ?? ['main'];
  if (!agents.includes(agent)) throw new Failed([`error: Unknown agent id "${agent}"`]);
  const route = { provider: id.split('/')[0], model: id.slice(id.indexOf('/') + 1) };
  const sessions = path.join(state, 'agents', agent, 'sessions');
  fs.mkdirSync(sessions, { recursive: true });
  fs.writeFileSync(path.join(sessions, `${session}.jsonl`), JSON.stringify({ message }) + '\n');
  const answer = (text, more = script) => ({ reply: reply(route, harnessOf(config, id), text, more) });
  const talk = () => converse(config, route, message, script);

  switch (script.do) {
    case 'answer': {
      harnessOf(config, id);
      await wander(script);
      const text = await talk();
      return { before: script.before, ...answer(script.says ?? text) };
    }
    case 'answer without asking':
      return answer(wanted(message));
    case 'fail':
      throw new Failed(script.lines);
    case 'print':
      await talk();
      return { text: script.text };
    case 'ask a removed address': {
      const { status } = await ask(config, route, { input: message }, '/backend-api/responses');
      // What releases of May made of the page.
      throw new Failed([
        `provider answered ${status}`,
        'LLM error: DNS lookup for the provider endpoint failed',
      ]);
    }
    case 'leave in the middle of a request':
      await tunnel('chatgpt.com');
      throw new Failed(['TypeError: undefined is not a function']);
    case 'ask the public API':
      await secure('api.openai.com', '/v1/responses', token(), { model: route.model, input: message });
      throw new Failed(['turn failed']);
    case 'renew its login': {
      const body = { grant_type: 'refresh_token', refresh_token: 'made-up', client_id: 'fixture' };
      for (let times = 0; times < (script.times ?? 1); times++) {
        await secure('auth.openai.com', '/oauth/token', token(), body).catch(() => {});
      }
      throw new Failed(['OAuth token refresh failed for openai-codex: refused']);
    }
    case 'look for secrets': {
      const { look } = await import('./burglar.mjs');
      await tell('note', { found: await look(script) });
      return answer(await talk());
    }
    case 'hang':
      return hang();
    case 'hang and ignore SIGTERM':
      process.on('SIGTERM', () => {});
      await tell('note', { deaf: found(process.pid) });
      return hang();
    case 'leave a process behind':
      await leave(script);
      if (script.then === 'hang') await hang();
      return answer(await talk());
    case 'flood':
      return { flood: script.megabytes, ...answer(await talk()) };
    default:
      throw new Failed([`error: there is no script ${script.do}`]);
  }
};
