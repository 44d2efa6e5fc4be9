import { LinnetError } from '../../index.ts';

/** Parses the address of a server. @throws LinnetError `invalid-request` if it is none */
export function serverAddress(address: string, base: string): URL {
  const fault = serverFault(address, base);
  if (fault === undefined) return new URL(address, base);
  throw new LinnetError('invalid-request', `"${address}" is not the address of a server: ${fault}.`, {
    field: 'endpoint',
    endpoint: address,
  });
}

/** How to correct an invalid server address; `undefined` if it is valid. */
export function serverFault(address: string, base: string): string | undefined {
  try {
    const { protocol, username, password } = new URL(address, base);
    if (username || password) return 'remove the user name and the password: browsers reject such URLs';
    if (/^https?:$/.test(protocol)) return undefined;
  } catch {
    // Not a URL.
  }
  return 'use an http: or https: address';
}
