import type { ChatConfig } from '../shell/config.ts';
import { EndpointAnswerer } from './endpoint.ts';
import { fill } from '../shell/strings.ts';

/** The configured server, and whether this conversation may be sent to it. */
export class Server {
  /** Origins of the servers that may receive the conversation. */
  readonly #allowed = new Set<string>();
  /** The origin of the server that an empty conversation named. */
  #named: string | undefined;
  /** Whether the person wrote something that they believed to stay on this device. */
  #private = false;

  constructor(private readonly config: ChatConfig) {}

  /** The configured server; `undefined` if there is none. */
  get answerer(): EndpointAnswerer | undefined {
    const { endpoint } = this.config;
    if (!endpoint) return undefined;
    try {
      return new EndpointAnswerer(endpoint.address, document.baseURI, endpoint.model, endpoint.headers);
    } catch {
      // The site's owner is told elsewhere.
      return undefined;
    }
  }

  /** The server, if this conversation may be sent to it without asking. */
  get allowed(): EndpointAnswerer | undefined {
    const server = this.answerer;
    return server && this.#allowed.has(server.origin) ? server : undefined;
  }

  /** Records that the person agreed to send this conversation to a server. */
  allow(server: EndpointAnswerer): void {
    this.#allowed.add(server.origin);
  }

  /**
   * The text that tells the person where their words go; empty if there is nothing to tell. `asked`: another question
   * already names the server.
   */
  tell(asked: boolean): string {
    const { serverOnly, strings } = this.config;
    const server = this.answerer;
    this.#named = serverOnly ? server?.origin : undefined;
    if (!server || (!serverOnly && (asked || this.allowed))) return '';
    return fill(serverOnly ? strings.serverOnly : strings.consentServer, { host: server.name });
  }

  /** Records a question. `onDevice`: as far as the person knows, it stays on this device. */
  asked(onDevice: boolean, first: boolean): void {
    if (onDevice) this.#private = true;
    const server = this.answerer;
    if (!onDevice && first && !this.#private && server?.origin === this.#named) this.allow(server!);
  }

  /** Starts a new conversation, which no server may receive. */
  forget(): void {
    this.#allowed.clear();
    this.#private = false;
  }
}
