// A state directory for the ChatGPT route, with a login in the shape of a real
// one, signed by nobody.
//   node bench/state.cjs HOME
const [home] = process.argv.slice(2), fs = require("fs");
const part = (o) => Buffer.from(JSON.stringify(o)).toString("base64url");
const exp = Math.floor(Date.now() / 1000) + 864000;
const access = [part({ alg: "RS256", typ: "JWT" }), part({ exp, "https://api.openai.com/auth":
  { chatgpt_account_id: "acct-made-up", chatgpt_plan_type: "pro" } }), part("nobody")].join(".");
const provider = "openai-codex", name = "openai-codex:default";
fs.writeFileSync(`${home}/.openclaw/openclaw.json`, JSON.stringify({
  gateway: { mode: "local", port: 28789 },
  agents: { defaults: { model: { primary: "openai-codex/gpt-5.5", fallbacks: [] },
    skipBootstrap: true, workspace: `${home}/workspace` } },
  auth: { profiles: { [name]: { provider, mode: "oauth" } } } }));
fs.writeFileSync(`${home}/.openclaw/agents/main/agent/auth-profiles.json`, JSON.stringify({
  version: 1, profiles: { [name]: { type: "oauth", provider, access, refresh: "made-up",
    expires: exp * 1000, accountId: "acct-made-up", email: "nobody@example.invalid" } } }));
