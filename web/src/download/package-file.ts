import { LinnetError, type LinnetErrorCode } from '../protocol/errors.ts';

/** A server's response. */
export interface FileAnswer {
  status: number;
  /** Its Content-Type. */
  type?: string | null;
  /** Whether the body is not the file: some servers send a page for every address. */
  foreign?: boolean;
}

const TOGETHER = "Serve all files of the package's dist folder from one folder.";

/**
 * The error for a file of the package that could not be loaded, with its address, the status and what helps.
 * `details.part` tells it from an error about a model's file.
 *
 * @param answer the server's response, if there was one
 */
export function fileError(url: string, answer?: FileAnswer, cause?: unknown): LinnetError {
  const { code, text } = answer ? explain(url, answer) : unreachable(url);
  const details = {
    part: 'engine',
    url,
    ...(answer ? { status: answer.status } : {}),
    ...(answer?.type ? { type: answer.type } : {}),
  };
  return new LinnetError(code, text, cause === undefined ? details : { ...details, cause: String(cause) });
}

/** The error for a script of the package that imports a missing one. */
export function importError(url: string): LinnetError {
  return new LinnetError('not-found', `A script that ${url} imports could not be loaded. ${TOGETHER}`, {
    part: 'engine',
    url,
  });
}

/** Whether a file of the package did not arrive, or not whole, though no server said that it is not there. */
export function isIncomplete(error: unknown): boolean {
  return error instanceof LinnetError && error.details.part === 'engine' && error.details.status === undefined;
}

function explain(url: string, { status, type, foreign }: FileAnswer): { code: LinnetErrorCode; text: string } {
  if (foreign) {
    const what = type ? `something else (${type})` : 'something else';
    return {
      code: 'not-found',
      text: `${url} is not a file of Linnet: the server sent ${what} (status ${status}). ${TOGETHER}`,
    };
  }
  if (status === 404 || status === 410)
    return { code: 'not-found', text: `${url} is missing (status ${status}). ${TOGETHER}` };
  if (status === 401 || status === 403) {
    const vite = "In Vite's development server, add the folder of a linked package to server.fs.allow.";
    return { code: 'http', text: `The server refuses ${url} (status ${status}). Let it serve this file. ${vite}` };
  }
  return { code: 'http', text: `The server answered ${url} with status ${status}. Try again later.` };
}

function unreachable(url: string): { code: LinnetErrorCode; text: string } {
  const allow = "that the connect-src of the page's Content-Security-Policy allows its address";
  return { code: 'network', text: `${url} could not be loaded completely. Check the connection, and ${allow}.` };
}
