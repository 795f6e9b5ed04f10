// How the stand-in reaches the test, what it finds in its home, and how it stops.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';

export const manifest = JSON.parse(fs.readFileSync(new URL('./package.json', import.meta.url)));

const collect = (answer) =>
  new Promise((resolve, reject) => {
    let text = '';
    answer.setEncoding('utf8').on('data', (part) => (text += part));
    answer.on('end', () => resolve({ status: answer.statusCode, text })).on('error', reject);
  });

export const post = (client, options, body) =>
  new Promise((resolve, reject) => {
    const request = client.request({ method: 'POST', ...options });
    request.on('error', reject);
    request.on('response', (answer) => collect(answer).then(resolve, reject));
    request.setHeader('content-type', 'application/json');
    request.end(JSON.stringify(body));
  });

// A process here, as the test finds it from outside: its number is another one there.
export const found = (pid) => ({ pid, namespace: fs.readlinkSync('/proc/self/ns/pid') });

// By a socket in the file system: an enclosure has no other way to the test.
export const tell = async (what, body) => {
  const { socket: socketPath } = manifest.fixture;
  const route = `/-/${what}/${manifest.version}`;
  const answer = await post(http, { socketPath, path: route, agent: false }, body);
  return JSON.parse(answer.text);
};

export const state = process.env.OPENCLAW_STATE_DIR;

export const config = () => {
  const file = process.env.OPENCLAW_CONFIG_PATH;
  return fs.existsSync(file) ? JSON.parse(fs.readFileSync(file)) : {};
};

export const writeConfig = (config) =>
  fs.writeFileSync(process.env.OPENCLAW_CONFIG_PATH, JSON.stringify(config, null, 2));

const files = (directory) =>
  fs.readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(directory, entry.name);
    return entry.isDirectory() ? files(file) : [path.relative(process.env.HOME, file)];
  });

// Everything that a candidate sees.
export const given = (args) => ({
  arguments: args,
  environment: process.env,
  node: process.execPath,
  directory: process.cwd(),
  files: files(process.env.HOME),
  config: config(),
});

export const say = (line) => fs.writeSync(1, line + '\n');

export const fail = (lines) => {
  for (const line of lines) fs.writeSync(2, line + '\n');
  process.exit(1);
};

// For ever, or until a signal comes.
export const hang = () => new Promise(() => setInterval(() => {}, 1000));
