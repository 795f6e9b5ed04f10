#!/usr/bin/env node
// A stand-in for OpenClaw, one file a command. What it does in a turn, in a
// Gateway's start or in a doctor's run is what the registry's script for this
// release says. It tells the registry first what it was given, so that a test
// can count turns and look at what a candidate sees.
import { manifest } from './fixture.mjs';

const commands = ['agent', 'doctor', 'gateway', 'models', 'plugins'];
const [command, ...args] = process.argv.slice(2);

if (command === '--version') {
  console.log(`OpenClaw ${manifest.version}`);
} else if (commands.includes(command)) {
  await (await import(`./${command}.mjs`)).run(args);
} else {
  console.error(`error: unknown command ${command}`);
  process.exit(1);
}
