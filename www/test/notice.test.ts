import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Notice } from '../src/page/notice.ts';

function setup() {
  const node = { dataset: {} as Record<string, string>, hidden: true, scrollIntoView() {} };
  const text = { textContent: '' };
  const actions = { shown: [] as unknown[], replaceChildren: (...nodes: unknown[]) => void (actions.shown = nodes) };
  const notice = new Notice(node as unknown as HTMLElement, text as HTMLElement, actions as unknown as HTMLElement);
  return { notice, node, text, actions };
}

const buttons = (...names: string[]) => names as unknown as HTMLElement[];

test('a question stays until it is answered, and later notices are shown with it', () => {
  const { notice, node, text, actions } = setup();
  notice.ask('Download it?', 'foreign-model', buttons('Download'));
  notice.show('This chat could not be saved.', 'not-saved', buttons('OK'));
  notice.show('Open in another tab.', 'open-twice', buttons('OK'));
  notice.show('This chat is saved again.', 'not-saved', buttons('OK'));
  notice.reword('Download it, 1 MB?');
  notice.hide();
  assert.equal(text.textContent, 'This chat is saved again. Open in another tab. Download it, 1 MB?');
  assert.deepEqual([node.hidden, node.dataset['code'], actions.shown], [false, 'foreign-model', ['Download']]);
  notice.answered();
  assert.deepEqual([node.hidden, node.dataset['code']], [true, undefined]);
});

test('without a question the last notice is shown, and can be closed', () => {
  const { notice, node, text, actions } = setup();
  notice.show('One.', 'one', buttons('OK'));
  notice.show('Two.', 'two', buttons('OK', 'Again'));
  notice.answered();
  notice.reword('Three?');
  assert.deepEqual([text.textContent, node.hidden, actions.shown], ['Two.', false, ['OK', 'Again']]);
  notice.hide();
  assert.equal(node.hidden, true);
});
