// What ran in this process meanwhile, by V8's exact coverage of functions.

import { Session } from 'node:inspector/promises';

/** Runs `fn`; gives the files of lib/traffic of which a function was called meanwhile, such as `client/listener.ts`. */
export async function filesCalled(fn: () => Promise<void>): Promise<ReadonlySet<string>> {
  const session = new Session();
  session.connect();
  try {
    await session.post('Profiler.enable');
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
    await session.post('Profiler.takePreciseCoverage');
    await fn();
    const { result } = await session.post('Profiler.takePreciseCoverage');
    const called = result.filter(({ functions }) =>
      functions.some(({ functionName, ranges }) => functionName !== '' && ranges.some(({ count }) => count > 0)),
    );
    return new Set(called.flatMap(({ url }) => /\/lib\/traffic\/(.+)\.js$/.exec(url)?.[1] ?? []).map((file) => `${file}.ts`));
  } finally {
    session.disconnect();
  }
}
