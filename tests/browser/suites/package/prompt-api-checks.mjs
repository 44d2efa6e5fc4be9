// The web-platform-tests' expectations of the Prompt API, in our own words, except for tests that need media, user
// activation or a prefix with a constraint. Runs in a page that has `LanguageModel`, over an engine that repeats its
// prompt.

import { createChecks } from './prompt-api-create-checks.mjs';
import { sessionChecks } from './prompt-api-session-checks.mjs';
import { toolChecks } from './prompt-api-tool-checks.mjs';

export const checks = { ...createChecks, ...sessionChecks, ...toolChecks };
