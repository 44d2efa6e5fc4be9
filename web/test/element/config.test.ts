import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChatConfig } from '../../src/element/shell/config.ts';
import type { ChatHost } from '../../src/element/shell/host.ts';

/** The config of an element with these attributes. */
function configOf(attributes: Record<string, string>): ChatConfig {
  const getAttribute = (name: string) => attributes[name] ?? null;
  const { model = null, endpoint = null } = attributes;
  return new ChatConfig({ getAttribute, model, endpoint } as ChatHost);
}

test('white space around an attribute is not part of it', () => {
  const listed = configOf({ model: ' smollm2-135m-instruct\n', 'model-base': ' /models/ ' });
  assert.equal(listed.model, 'smollm2-135m-instruct');
  assert.equal(listed.modelName, 'SmolLM2 135M Instruct');
  assert.ok(listed.modelBytes);
  assert.equal(listed.loadOptions.modelBase, '/models/');
  const server = configOf({ model: ' none ', endpoint: 'https://a.example/v1', 'endpoint-model': 'm ' });
  assert.ok(server.serverOnly);
  assert.equal(server.endpoint?.model, 'm');
});

test('without a valid attribute, the model thinks as it usually does', () => {
  assert.equal(configOf({ thinking: 'on' }).thinking, true);
  assert.equal(configOf({ thinking: 'off' }).thinking, false);
  assert.equal(configOf({}).thinking, undefined);
  assert.equal(configOf({ thinking: 'often' }).thinking, undefined);
});
