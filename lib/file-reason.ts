// Why a file can't be used, in a phrase for a person. The phrase never names the file: who says it names flag and
// file, once. Node's own texts name the file again, and differ from version to version.

import { messageOf } from './errors.js';

/** What was tried. */
export type FileUse = 'read' | 'written';

/** The reason of a failed attempt to read or write a file. */
export function fileReason(error: unknown, use: FileUse = 'read'): string {
  const { code } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOENT':
      return use === 'read' ? 'there is no such file' : 'its directory does not exist';
    case 'EACCES':
    case 'EPERM':
      return `this user (uid ${process.getuid?.() ?? '?'}) may not ${use === 'read' ? 'read' : 'write'} it`;
    case 'EISDIR':
      return 'it is a directory, not a file';
    case 'ENOTDIR':
      return 'a part of its path is not a directory';
    case 'EROFS':
      return 'its file system is read-only';
    case 'ENOSPC':
      return 'its file system is full';
    default:
      // Without what Node adds: the name of the call, and that of the file once more.
      return messageOf(error).replace(/, [a-z]+( '.*')?$/, '');
  }
}
