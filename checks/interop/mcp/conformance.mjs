// The conformance suite of the MCP project: its scenarios for authorization servers against the local issuer, and those for
// servers that a guarded server can be asked, through a proxy that adds a token.
//
//   conformance.mjs SUITE EXPECTED_FAILURES MCP_URL ISSUER CLIENT_ID CALLBACK_PORT

import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createServer, request } from 'node:http';
import { once } from 'node:events';

const [suite, expected, url, issuer, clientId, callbackPort] = process.argv.slice(2);
const target = new URL(url);

// The only reason for which a check of expected-failures.yml may fail.
const NOT_TESTABLE = /^Not testable: server does not list the diagnostic tool '(test_missing_capability|test_streaming_elicitation|test_logging_tool)'/;

// Runs the suite, and returns what it printed. It fails if a check fails.
async function run(...args) {
  const child = spawn(process.execPath, [suite, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    let printed = '';
    let opened = false;
    for await (const chunk of child.stdout) {
      printed += chunk;
      // It asks for a browser. Ours has a user whom the issuer signs in at once. The suite prints the URL before it listens for
      // the answer, so wait for both.
      const authorize = /^(http\S+\/oauth2\/authorize\S*)\n/m.exec(printed);
      if (authorize && !opened && /^Callback server started/m.test(printed)) {
        opened = true;
        await fetch(authorize[1]);
      }
    }
    const code = child.exitCode ?? (await once(child, 'exit'))[0];
    const errors = [...printed.matchAll(/^ {4}Error: (.*)$/gm)].map(([, error]) => error);
    const unexpected = errors.filter((error) => !NOT_TESTABLE.test(error));
    if (code !== 0 || unexpected.length > 0) throw new Error(`${args.join(' ')}\n${printed}\n${unexpected.join('\n')}`);
    return { printed, notTestable: errors.length };
  } finally {
    child.kill();
  }
}

// A token for the MCP server, as a client gets one that registers itself.
async function token() {
  const document = await fetch(new URL(`/.well-known/oauth-protected-resource${target.pathname}`, url)).then((r) => r.json());
  const [server] = document.authorization_servers;
  const metadata = await fetch(`${server}/.well-known/openid-configuration`).then((reply) => reply.json());
  const callback = 'http://127.0.0.1:8765/callback';
  const registered = await fetch(metadata.registration_endpoint, {
    method: 'POST',
    body: JSON.stringify({ redirect_uris: [callback], token_endpoint_auth_method: 'none' }),
  }).then((reply) => reply.json());
  const verifier = randomBytes(32).toString('base64url');
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: registered.client_id,
    redirect_uri: callback,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    scope: document.scopes_supported.join(' '),
    resource: document.resource,
  });
  const sentBack = await fetch(`${metadata.authorization_endpoint}?${query}`, { redirect: 'manual' });
  const granted = await fetch(metadata.token_endpoint, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: registered.client_id,
      redirect_uri: callback,
      code: new URL(sentBack.headers.get('location')).searchParams.get('code'),
      code_verifier: verifier,
    }),
  }).then((reply) => reply.json());
  return granted.access_token;
}

// The suite sends no token, and has no setting for one.
const authorization = `Bearer ${await token()}`;
const proxy = createServer((incoming, outgoing) => {
  const { method, url: path, headers } = incoming;
  const forwarded = request({ host: target.hostname, port: target.port, method, path, headers: { ...headers, authorization } });
  forwarded.on('response', (reply) => {
    outgoing.writeHead(reply.statusCode, reply.headers);
    reply.pipe(outgoing);
  });
  forwarded.on('error', () => outgoing.destroy());
  incoming.pipe(forwarded);
});
proxy.listen(0, '127.0.0.1');
await once(proxy, 'listening');
const proxied = `http://127.0.0.1:${proxy.address().port}${target.pathname}`;

// Those that a server with any tools can be asked. The suite has none about tokens: it tests the authorization of clients and of
// authorization servers only. (`server-sse-multiple-streams` of 2025-11-25 is about sessions, which this server does without.)
const ASKED = [
  ['server-initialize', '2025-11-25'],
  ['server-session-lifecycle', '2025-11-25'],
  ['ping', '2025-11-25'],
  ['tools-list', '2025-11-25'],
  ['dns-rebinding-protection', '2025-11-25'],
  ['server-stateless', '2026-07-28'],
  ['tools-list', '2026-07-28'],
  ['server-sse-multiple-streams', '2026-07-28'],
  ['dns-rebinding-protection', '2026-07-28'],
  ['http-header-validation', '2026-07-28'],
];
const NOT_ASKED = [
  // They call tools of the suite's own example server, or extensions that it has.
  /^(elicitation|http-custom-header|input-required-result|json-schema|server-sse-polling|sep-2640-skills|tasks|tools-call)\b/,
  // They are about what a server that has only tools does not have.
  /^(caching|completion|logging|prompts|resources|sep-2164-resource-not-found)\b/,
];

// A version of the suite with scenarios about tokens must not go unnoticed.
const { printed: listed } = await run('list');
const [, scenarios] = /^Server scenarios.*\n((?: {2}- .*\n)+)/m.exec(listed);
for (const [, scenario] of scenarios.matchAll(/- (\S+)/g)) {
  const isKnown = ASKED.some(([asked]) => asked === scenario) || NOT_ASKED.some((pattern) => pattern.test(scenario));
  if (!isKnown) throw new Error(`${scenario} is neither in ASKED nor in NOT_ASKED`);
}
for (const [scenario, version] of ASKED) {
  const { notTestable } = await run(
    'server', '--url', proxied, '--scenario', scenario, '--spec-version', version, '--expected-failures', expected);
  const except = notTestable ? `, except ${notTestable} checks of expected-failures.yml` : '';
  console.log(`conformance: ${scenario} of ${version} passes${except}`);
}
const { printed } = await run('authorization', '--url', issuer, '--client-id', clientId, '--resource', target.href, '--port', callbackPort);
const [summary] = /Total: \d+ passed, 0 failed/.exec(printed) ?? [];
if (summary !== 'Total: 2 passed, 0 failed') throw new Error(printed);
console.log('conformance: the local issuer passes as an authorization server');
process.exit();
