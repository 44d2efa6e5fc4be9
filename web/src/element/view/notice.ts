import { make } from '../parts/dom.ts';

/** A notice at the end of the conversation: an error, or what happens with the person's words. */
export class Notice {
  readonly node = make('div', 'notice');

  constructor() {
    this.node.setAttribute('role', 'alert');
    this.node.hidden = true;
  }

  /** @param kind `note`, or the code of a failure */
  show(text: string, kind: string, ...actions: HTMLElement[]): void {
    this.node.dataset['kind'] = kind;
    this.node.replaceChildren(make('p', '', text), ...actions);
    this.node.hidden = false;
  }

  get text(): string {
    return this.node.hidden ? '' : (this.node.firstElementChild?.textContent ?? '');
  }

  hide(): void {
    this.node.hidden = true;
    delete this.node.dataset['kind'];
  }

  /** Hides an error; a note stays. */
  hideFailure(): void {
    if (this.node.dataset['kind'] !== 'note') this.hide();
  }
}
