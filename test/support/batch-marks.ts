// What a process that runs several test files says to the runner.

/** Precedes, on a line of its own, the milliseconds since the process began and the path of the file that runs next. */
export const FILE_MARK = '=== ';

/** The exit code when files failed, each of which has its summary. */
export const FILES_FAILED = 3;
