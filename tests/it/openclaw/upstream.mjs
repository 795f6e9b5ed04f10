// The model requests of a turn, as real releases make them.
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import tls from 'node:tls';
import { post, state } from './fixture.mjs';

// CONNECT through the proxy of the environment.
export const tunnel = (host, port = 443) => {
  const proxy = new URL(process.env.HTTPS_PROXY);
  return new Promise((resolve, reject) => {
    const options = { hostname: proxy.hostname, port: proxy.port, agent: false };
    const request = http.request({ ...options, method: 'CONNECT', path: `${host}:${port}` });
    request.on('connect', (answer, socket) => resolve({ status: answer.statusCode, socket }));
    request.on('response', (answer) => resolve({ status: answer.statusCode }));
    request.on('error', reject).end();
  });
};

// Then TLS with the CA that NODE_EXTRA_CA_CERTS names: what every real release
// does, without a library.
export const secure = async (host, route, credential, body) => {
  const { socket } = await tunnel(host);
  const createConnection = () => tls.connect({ socket, servername: host });
  const headers = { authorization: `Bearer ${credential}` };
  return post(https, { host, path: route, headers, createConnection }, body);
};

// A provider of the config's own, as it was first met: a release keeps that in a
// file, whatever the config says later.
const customProvider = (config, provider) => {
  const file = path.join(state, 'agents/main/agent/models.json');
  const { providers } = fs.existsSync(file) ? JSON.parse(fs.readFileSync(file)) : {};
  const custom = providers?.[provider] ?? config.models?.providers?.[provider];
  if (!custom) return undefined;
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, JSON.stringify({ providers: { ...providers, [provider]: custom } }));
  return custom;
};

export const token = () => {
  const file = path.join(state, 'agents/main/agent/auth-profiles.json');
  if (!fs.existsSync(file)) return undefined;
  return Object.values(JSON.parse(fs.readFileSync(file)).profiles)[0].access;
};

// One Responses request through the route of the config.
export const ask = async (config, { provider, model }, body, address) => {
  const whole = { model, stream: true, ...body };
  const custom = customProvider(config, provider);
  if (custom) {
    const { hostname, port, pathname } = new URL(`${custom.baseUrl}/responses`);
    const headers = { authorization: `Bearer ${custom.apiKey}` };
    return post(http, { hostname, port, path: pathname, headers, agent: false }, whole);
  }
  if (token()) {
    const codex = { store: false, instructions: 'Reply as you are asked.', ...whole };
    return secure('chatgpt.com', address ?? '/backend-api/codex/responses', token(), codex);
  }
  return secure('api.openai.com', '/v1/responses', process.env.OPENAI_API_KEY, whole);
};

// The same as a release asks that pays with a key, or sends the login to another host.
export const askBilled = async (how, { model }, body) => {
  const whole = { model, stream: true, ...body };
  if (how === 'key') return secure('api.openai.com', '/v1/responses', 'sk-made-up', whole);
  const { hostname, port } = new URL(process.env.HTTPS_PROXY);
  const headers = { authorization: `Bearer ${token()}` };
  return post(http, { hostname, port, path: '/v1/responses', headers, agent: false }, whole);
};

export const events = (answer) =>
  answer.text
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => JSON.parse(line.slice(6)));
