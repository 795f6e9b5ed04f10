// `openclaw agent`: a turn in this process, or one that the Gateway is asked for.
import fs from 'node:fs';
import http from 'node:http';
import { config as readConfig, fail, post, say } from './fixture.mjs';
import { Failed, turn } from './turn.mjs';

const flood = (megabytes) => {
  const chunk = Buffer.alloc(1 << 20, 'all work and no play\n');
  for (let done = 0; done < megabytes; done++) {
    for (let at = 0; at < chunk.length; ) {
      try {
        at += fs.writeSync(1, chunk, at);
      } catch (error) {
        if (error.code !== 'EAGAIN') throw error;
      }
    }
  }
  say('');
};

const embedded = async (args, more = {}) => {
  try {
    const done = await turn(args);
    for (const line of done.before ?? []) say(line);
    if (done.flood) flood(done.flood);
    if (done.text !== undefined) return say(done.text);
    Object.assign(done.reply.meta, more);
    say(JSON.stringify(done.reply, null, 2));
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    fail(error.lines);
  }
};

const throughGateway = async (args) => {
  const { port, auth } = readConfig().gateway;
  const headers = { authorization: `Bearer ${auth.token}` };
  const options = { hostname: '127.0.0.1', port, path: '/turn', headers, agent: false };
  const answer = await post(http, options, { arguments: args });
  if (answer.status === 503) {
    // What releases did, and some still do, where the Gateway will not.
    return embedded(args, { transport: 'embedded', fallbackFrom: 'gateway' });
  }
  const { failed, ...reply } = JSON.parse(answer.text);
  if (failed) fail([`GatewayClientRequestError: ${failed}`]);
  say(JSON.stringify(reply, null, 2));
};

export const run = (args) => (args.includes('--local') ? embedded(args) : throughGateway(args));
