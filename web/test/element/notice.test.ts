import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChatNotice, type NoticeElements } from '../../src/element/parts/notice.ts';

function setup() {
  const node = { dataset: {} as Record<string, string>, hidden: false, setAttribute() {} };
  const text = { textContent: '' };
  const actions = { shown: [] as unknown[], replaceChildren: (...nodes: unknown[]) => void (actions.shown = nodes) };
  let shown = 0;
  const elements = { node, text, actions } as unknown as NoticeElements;
  const notice = new ChatNotice(elements, () => void shown++);
  assert.deepEqual([node.hidden, notice.text], [true, '']);
  return { notice, node, text, actions, timesShown: () => shown };
}

const buttons = (...names: string[]) => names as unknown as HTMLElement[];

test('a question stays until it is answered, and later notices are shown with it', () => {
  const { notice, node, text, actions, timesShown } = setup();
  notice.ask('Download it?', 'foreign-model', buttons('Download'));
  notice.show('This chat could not be saved.', 'not-saved', buttons('OK'));
  notice.show('Open in another tab.', 'open-twice', buttons('OK'));
  notice.show('This chat is saved again.', 'not-saved', buttons('OK'));
  notice.reword('Download it, 1 MB?');
  notice.hide();
  assert.equal(text.textContent, 'This chat is saved again. Open in another tab. Download it, 1 MB?');
  assert.deepEqual([node.hidden, node.dataset['code'], actions.shown], [false, 'foreign-model', ['Download']]);
  assert.equal(timesShown(), 5);
  notice.answered();
  assert.deepEqual([node.hidden, notice.code, notice.text], [true, undefined, '']);
});

test('without a question the last notice is shown, and can be closed', () => {
  const { notice, node, actions } = setup();
  notice.show('One.', 'one', buttons('OK'));
  notice.show('Two.', 'two', buttons('OK', 'Again'));
  notice.answered();
  notice.reword('Three?');
  assert.deepEqual([notice.text, notice.code, node.hidden, actions.shown], ['Two.', 'two', false, ['OK', 'Again']]);
  notice.hide();
  assert.equal(node.hidden, true);
});
