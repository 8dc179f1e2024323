#!/usr/bin/env node
// The command line as a process: its arguments, its output, its exit code.

import { endWithParent } from '../lib/shutdown.js';
import { runCommandLine } from './program.js';

endWithParent();
const code = await runCommandLine(process.argv.slice(2), {
  write: (text) => void process.stdout.write(text),
  writeError: (text) => void process.stderr.write(text),
});
if (code !== null) {
  process.exitCode = code;
  // Not at once: what was started may still have to say something.
  setImmediate(() => process.exit());
}
