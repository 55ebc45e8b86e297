// The MCP SDK of npm against the MCP server at the URL given: it is challenged, discovers the issuer, registers, signs in, calls a
// tool, is rejected another, steps up, and calls it.

import assert from 'node:assert/strict';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const url = process.argv[2];
const CALLBACK = 'http://127.0.0.1:8765/callback';

// What a desktop client keeps, and a browser whose user agrees to everything.
class Provider {
  redirectUrl = CALLBACK;
  clientMetadata = { client_name: 'interop', redirect_uris: [CALLBACK], token_endpoint_auth_method: 'none' };
  // The scopes that the user was asked for, in turn.
  asked = [];
  #client; #tokens; #verifier;

  clientInformation() { return this.#client; }
  saveClientInformation(client) { this.#client = client; }
  tokens() { return this.#tokens; }
  saveTokens(tokens) { this.#tokens = tokens; }
  codeVerifier() { return this.#verifier; }
  saveCodeVerifier(verifier) { this.#verifier = verifier; }
  async redirectToAuthorization(authorize) {
    this.asked.push(authorize.searchParams.get('scope'));
    assert.equal(authorize.searchParams.get('resource'), url);
    const reply = await fetch(authorize, { redirect: 'manual' });
    this.code = new URL(reply.headers.get('location')).searchParams.get('code');
    assert.ok(this.code, reply.headers.get('location'));
  }
  claims() { return JSON.parse(Buffer.from(this.#tokens.access_token.split('.')[1], 'base64url')); }
}

const provider = new Provider();

// A new connection, as after a user has come back from the browser.
async function connect() {
  const client = new Client({ name: 'interop', version: '1' });
  const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: provider });
  await client.connect(transport);
  return { transport, call: async (name, args = {}) => (await client.callTool({ name, arguments: args })).content[0].text };
}

// Does it, signing in when the SDK says that it must.
async function signingIn(action, transport) {
  try {
    return await action();
  } catch (error) {
    assert.ok(error instanceof UnauthorizedError, error);
    await (transport ?? new StreamableHTTPClientTransport(new URL(url), { authProvider: provider })).finishAuth(provider.code);
    return action();
  }
}

const { transport, call } = await signingIn(connect);
assert.deepEqual(provider.asked, ['notes/use'], 'of the challenge of the 401');
assert.equal(provider.claims().aud, url);
assert.equal(await call('whoami'), 'user ada');
assert.equal(provider.asked.length, 1, 'what is permitted needs no further sign-in');

let text = await signingIn(() => call('read_notes', { notebook: 'shared' }), transport);
assert.equal(text, 'the notes of shared');
assert.equal(provider.asked[1], 'notes/use notes/read', 'of the challenge of the 403');

text = await signingIn(() => call('read_notes', { notebook: 'private' }), transport);
assert.equal(text, 'the notes of private');
assert.equal(provider.asked[2], 'notes/use notes/private', 'it depends on the argument');
assert.equal(provider.asked.length, 3);
console.log('npm: challenged, signed in, called, rejected, stepped up twice');
process.exit();
