// `openclaw plugins install`: the plugin in an npm project of its own, put on
// record with its place.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { config as readConfig, fail, state, writeConfig } from './fixture.mjs';

export const run = async ([verb, spec]) => {
  if (verb !== 'install') fail([`error: unknown command plugins ${verb}`]);
  const at = spec.lastIndexOf('@');
  const [name, version] = [spec.slice(0, at), spec.slice(at + 1)];
  const project = path.join(state, 'npm/projects/openclaw-codex-0123456789');
  fs.mkdirSync(project, { recursive: true });
  const manifest = { private: true, dependencies: { [name]: version } };
  fs.writeFileSync(path.join(project, 'package.json'), JSON.stringify(manifest));
  // The host is there already; scripts of a plugin are not run.
  const flags = ['--omit=dev', '--omit=peer', '--legacy-peer-deps', '--ignore-scripts'];
  const npm = spawnSync('npm', ['install', ...flags], { cwd: project, stdio: 'inherit' });
  if (npm.status !== 0) fail([`Plugin install failed: ${spec}`]);
  const installed = path.join(project, 'node_modules', name);
  fs.mkdirSync(path.join(state, 'plugins'), { recursive: true });
  fs.writeFileSync(path.join(state, 'plugins/installs.json'), JSON.stringify({ codex: installed }));
  writeConfig({ ...readConfig(), plugins: { entries: { codex: { enabled: true } } } });
};
