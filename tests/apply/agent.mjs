// `openclaw agent --local`: the model is asked, and the reply printed.
import { config as readConfig, say } from './fixture.mjs';
import { ask, events } from './upstream.mjs';

export const run = async (args) => {
  const config = readConfig();
  const [provider, model] = config.agents.defaults.model.primary.split('/');
  const message = args[args.indexOf('--message') + 1];
  const told = events(await ask(config, { provider, model }, { input: message }));
  const text = told.find((event) => event.type === 'response.output_text.done')?.text;
  const trace = { winnerProvider: provider, winnerModel: model, attempts: [{ result: 'success' }] };
  const meta = {
    agentMeta: { provider, model, agentHarnessId: 'pi' },
    executionTrace: { ...trace, fallbackUsed: false, runner: 'embedded' },
  };
  say(JSON.stringify({ payloads: [{ text, mediaUrl: null }], meta }));
};
