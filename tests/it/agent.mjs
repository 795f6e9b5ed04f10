#!/usr/bin/env node
// A stand-in for OpenClaw: one turn, as the registry's script for this release
// says. It tells the registry first what it was given, so that a test can count
// turns and look at what a candidate sees.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import tls from 'node:tls';

const manifest = JSON.parse(fs.readFileSync(new URL('./package.json', import.meta.url)));
const registry = new URL(manifest.fixture.registry);
const args = process.argv.slice(2);
const message = args[args.indexOf('--message') + 1];

const collect = (answer) =>
  new Promise((resolve) => {
    let text = '';
    answer.setEncoding('utf8').on('data', (part) => (text += part));
    answer.on('end', () => resolve({ status: answer.statusCode, text }));
  });

const post = (client, options, body) =>
  new Promise((resolve, reject) => {
    const request = client.request({ method: 'POST', ...options });
    request.on('error', reject);
    request.on('response', (answer) => collect(answer).then(resolve));
    request.setHeader('content-type', 'application/json');
    request.end(JSON.stringify(body));
  });

const tell = async (what, body) => {
  const { hostname, port } = registry;
  const path = `/-/${what}/${manifest.version}`;
  const answer = await post(http, { hostname, port, path, agent: false }, body);
  return JSON.parse(answer.text);
};

// CONNECT through the proxy of the environment, then TLS with the CA that
// NODE_EXTRA_CA_CERTS names: what every real release does, without a library.
const secure = async (host, route, token, body) => {
  const proxy = new URL(process.env.HTTPS_PROXY);
  const socket = await new Promise((resolve, reject) => {
    const { hostname, port } = proxy;
    const request = http.request({ hostname, port, method: 'CONNECT', path: `${host}:443` });
    request.on('connect', (_, socket) => resolve(socket)).on('error', reject).end();
  });
  const createConnection = () => tls.connect({ socket, servername: host });
  const headers = { authorization: `Bearer ${token}` };
  return post(https, { host, path: route, headers, createConnection }, body);
};

const config = JSON.parse(fs.readFileSync(process.env.OPENCLAW_CONFIG_PATH));
const route = config.agents.defaults.model.primary;
const [provider, model] = route.split('/');

const token = () => {
  const file = path.join(process.env.OPENCLAW_STATE_DIR, 'agents/main/agent/auth-profiles.json');
  return JSON.parse(fs.readFileSync(file)).profiles[`${provider}:default`].access;
};

const ask = async (address = '/backend-api/codex/responses') => {
  const input = [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: message }] }];
  const body = { model, stream: true, input };
  if (provider === 'openai-codex') return secure('chatgpt.com', address, token(), body);
  if (provider === 'openai') {
    return secure('api.openai.com', '/v1/responses', process.env.OPENAI_API_KEY, body);
  }
  const { baseUrl, apiKey } = config.models.providers[provider];
  const { hostname, port, pathname } = new URL(`${baseUrl}/responses`);
  const headers = { authorization: `Bearer ${apiKey}` };
  return post(http, { hostname, port, path: pathname, headers, agent: false }, body);
};

const replied = (answer) =>
  answer.text
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => JSON.parse(line.slice(6)))
    .find((event) => event.type === 'response.output_text.done')?.text;

const print = (text, { payloads, agent = {}, trace = {} } = {}) => {
  const meta = {
    agentMeta: { provider, model, agentHarnessId: 'pi', ...agent },
    executionTrace: {
      winnerProvider: provider,
      winnerModel: model,
      attempts: [{ result: 'success' }],
      fallbackUsed: false,
      runner: 'embedded',
      ...trace,
    },
  };
  const result = { payloads: payloads ?? [{ text, mediaUrl: null }], meta };
  fs.writeSync(1, JSON.stringify(result, null, 2) + '\n');
};

const fail = (lines) => {
  for (const line of lines) fs.writeSync(2, line + '\n');
  process.exit(1);
};

const files = (directory) =>
  fs.readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(directory, entry.name);
    return entry.isDirectory() ? files(file) : [path.relative(process.env.HOME, file)];
  });

const linger = () => setInterval(() => {}, 1000);

const script = await tell('turn', {
  arguments: args,
  environment: process.env,
  node: process.execPath,
  directory: process.cwd(),
  files: files(process.env.HOME),
});

switch (script.do) {
  case 'answer': {
    for (const line of script.before ?? []) fs.writeSync(1, line + '\n');
    const text = replied(await ask());
    print(script.says ?? text, script);
    break;
  }
  case 'answer without asking':
    print(message.replace('Reply exactly: ', ''));
    break;
  case 'fail':
    fail(script.lines);
    break;
  case 'print':
    await ask();
    fs.writeSync(1, script.text + '\n');
    break;
  case 'ask a removed address': {
    const answer = await ask('/backend-api/responses');
    // What releases of May made of the page.
    fail([`provider answered ${answer.status}`, 'LLM error: DNS lookup for the provider endpoint failed']);
    break;
  }
  case 'leave in the middle of a request': {
    const { hostname, port } = new URL(process.env.HTTPS_PROXY);
    const request = http.request({ hostname, port, method: 'CONNECT', path: 'chatgpt.com:443' });
    request.on('connect', () => fail(['TypeError: undefined is not a function'])).end();
    break;
  }
  case 'ask the public API':
    await secure('api.openai.com', '/v1/responses', token(), { model, input: message });
    fail(['turn failed']);
    break;
  case 'hang':
    linger();
    break;
  case 'hang and ignore SIGTERM':
    process.on('SIGTERM', () => {});
    await tell('note', { deaf: process.pid });
    linger();
    break;
  case 'leave a process behind': {
    const env = script.environment === 'emptied' ? {} : process.env;
    const child = spawn('/bin/sleep', ['600'], { detached: true, stdio: 'ignore', env });
    await tell('note', { left: child.pid });
    child.unref();
    if (script.then === 'hang') linger();
    else print(replied(await ask()));
    break;
  }
  case 'flood': {
    const text = replied(await ask());
    const chunk = Buffer.alloc(1 << 20, 'all work and no play\n');
    for (let megabytes = 0; megabytes < script.megabytes; megabytes++) {
      for (let at = 0; at < chunk.length; ) {
        try {
          at += fs.writeSync(1, chunk, at);
        } catch (error) {
          if (error.code !== 'EAGAIN') throw error;
        }
      }
    }
    fs.writeSync(1, '\n');
    print(text);
    break;
  }
}
