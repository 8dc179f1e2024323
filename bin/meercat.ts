#!/usr/bin/env node
// The entry point. Invariant: nothing is imported before the signals that must not harm have handlers; all the rest,
// which takes some tenths of a second to load, is in main.ts.

import { argv } from 'node:process';

/** Commands that run until they are stopped and take these signals for a reload, or have nothing to do for them. */
const LASTING: ReadonlySet<string | undefined> = new Set(['balancer', 'agent', 'demo-host', 'embedded-redis']);

const ignore = (): void => undefined;
const command = argv[2];

// Never taken back: without a listener Node.js opens its debugger, a port on which any user of the machine can run code.
process.on('SIGUSR1', ignore);
// What a command does on these begins with its own handlers, before it reads any file that would have to be read again.
if (LASTING.has(command)) process.on('SIGHUP', ignore);
if (LASTING.has(command) || command === 'up') process.on('SIGUSR2', ignore);

await import('./main.js');
