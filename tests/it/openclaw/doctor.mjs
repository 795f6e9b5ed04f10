// `openclaw doctor --fix`: moves the route, where the script says so.
import { config as readConfig, fail, given, say, tell, writeConfig } from './fixture.mjs';

export const run = async (args) => {
  const script = await tell('doctor', given(args));
  if (script.fails) fail(script.fails);
  const config = readConfig();
  if (script.movesTo) {
    config.agents.defaults.model.primary = script.movesTo;
    say(`Moved the route to ${script.movesTo}.`);
  }
  writeConfig({ ...config, meta: { lastTouchedBy: 'doctor' } });
  say('Doctor complete.');
};
