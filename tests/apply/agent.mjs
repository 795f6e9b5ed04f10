// `openclaw agent --local`: the model is asked, and the reply printed. Without
// `--local` it is as if the live Gateway had asked it.
import { config as readConfig, say } from './fixture.mjs';
import { ask, events } from './upstream.mjs';

export const run = async (args) => {
  const message = args[args.indexOf('--message') + 1];
  if (!args.includes('--local')) {
    const text = message.replace('Reply exactly: ', '');
    say(JSON.stringify({ runId: 'live', status: 'ok', result: reply(text, 'openai-codex', 'gpt-5.5') }));
    return;
  }
  const config = readConfig();
  const [provider, model] = config.agents.defaults.model.primary.split('/');
  const told = events(await ask(config, { provider, model }, { input: message }));
  const text = told.find((event) => event.type === 'response.output_text.done')?.text;
  say(JSON.stringify(reply(text, provider, model)));
};

const reply = (text, provider, model) => {
  const trace = { winnerProvider: provider, winnerModel: model, attempts: [{ result: 'success' }] };
  const meta = {
    agentMeta: { provider, model, agentHarnessId: 'pi' },
    executionTrace: { ...trace, fallbackUsed: false, runner: 'embedded' },
  };
  return { payloads: [{ text, mediaUrl: null }], meta };
};
