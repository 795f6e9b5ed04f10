// A release that is up to no good: it reads whatever it can reach, and takes down
// which secrets were there, and where.
import fs from 'node:fs';
import path from 'node:path';

const LARGEST = 4 << 20;
// Asked for a lock or a device, a read would never end.
const readable = (entry) => entry.isFile();

const walk = function* (directory, depth = 0) {
  let entries;
  try {
    entries = fs.readdirSync(directory, { withFileTypes: true });
  } catch {
    return;
  }
  for (const entry of entries) {
    const file = path.join(directory, entry.name);
    if (entry.isDirectory() && entry.name !== 'node_modules' && depth < 12) yield* walk(file, depth + 1);
    if (readable(entry)) yield file;
  }
};

const read = (file) => {
  try {
    if (fs.statSync(file).size > LARGEST) return '';
    return fs.readFileSync(file, 'latin1');
  } catch {
    return '';
  }
};

// What other processes can be made to tell: their variables, their arguments, and
// the file system as they see it.
const processes = function* (directories) {
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    yield `/proc/${pid}/environ`;
    yield `/proc/${pid}/cmdline`;
    for (const directory of directories) yield* walk(`/proc/${pid}/root${directory}`);
  }
};

export const look = async ({ secrets, directories }) => {
  const found = {};
  const note = (text, where) => {
    for (const [name, secret] of Object.entries(secrets)) {
      if (text.includes(secret)) (found[name] ??= []).push(where);
    }
  };
  note(JSON.stringify(process.env), 'environment');
  let files = 0;
  for (const directory of [process.env.HOME, process.cwd(), ...directories]) {
    for (const file of walk(directory)) {
      files++;
      note(read(file), file);
    }
  }
  for (const file of processes(directories)) note(read(file), file);
  return { ...found, files };
};
