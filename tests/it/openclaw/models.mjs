// `openclaw models list`: what the script says that this release knows.
import { fail, given, say, tell } from './fixture.mjs';

export const run = async (args) => {
  const provider = args[args.indexOf('--provider') + 1];
  const script = await tell('models', given(args));
  if (script.fails) fail(script.fails);
  const keys = (script.keys ?? []).filter((key) => key.startsWith(`${provider}/`));
  say(JSON.stringify({ count: keys.length, models: keys.map((key) => ({ key })) }, null, 2));
};
