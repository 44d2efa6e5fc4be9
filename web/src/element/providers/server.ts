import type { ChatConfig } from '../shell/config.ts';
import { EndpointAnswerer } from './endpoint.ts';
import { fill } from '../shell/strings.ts';

/** The server that the site names, and whether this conversation may be sent there. */
export class Server {
  /** Servers that may have the conversation, by their origins. */
  readonly #allowed = new Set<string>();
  /** The server that an empty conversation has been shown to go to. */
  #named: string | undefined;
  /** Whether something was written that the person believed to stay on this device. */
  #private = false;

  constructor(private readonly config: ChatConfig) {}

  /** The server, as the site names it now; `undefined` if it names none. */
  get answerer(): EndpointAnswerer | undefined {
    const { endpoint } = this.config;
    if (!endpoint) return undefined;
    try {
      return new EndpointAnswerer(endpoint.address, document.baseURI, endpoint.model, endpoint.headers);
    } catch {
      // The site's owner is told of it.
      return undefined;
    }
  }

  /** The server, if this conversation may be sent to it without a question. */
  get allowed(): EndpointAnswerer | undefined {
    const server = this.answerer;
    return server && this.#allowed.has(server.origin) ? server : undefined;
  }

  /** The person has agreed that this conversation is sent to that server. */
  allow(server: EndpointAnswerer): void {
    this.#allowed.add(server.origin);
  }

  /** What the person is to know before they write; empty if there is nothing. `asked`: another question names the server already. */
  tell(asked: boolean): string {
    const { serverOnly, strings } = this.config;
    const server = this.answerer;
    this.#named = serverOnly ? server?.origin : undefined;
    if (!server || (!serverOnly && (asked || this.allowed))) return '';
    return fill(serverOnly ? strings.serverOnly : strings.consentServer, { host: server.name });
  }

  /** A question is put. `onDevice`: to all that the person knows, it stays on this device. */
  asked(onDevice: boolean, first: boolean): void {
    if (onDevice) this.#private = true;
    const server = this.answerer;
    if (!onDevice && first && !this.#private && server?.origin === this.#named) this.allow(server!);
  }

  /** A new conversation begins: no server may have it. */
  forget(): void {
    this.#allowed.clear();
    this.#private = false;
  }
}
