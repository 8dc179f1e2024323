// HTML as a type of its own. Invariant: text from outside (names of hosts, events, classes of requests) never becomes
// markup, since whatever is put into a template is escaped, unless it is `Markup` already.

/** HTML that stands as it is. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** What a template takes; null is nothing. */
export type Content = string | number | Markup | readonly Markup[] | null;

/** Controls, and marks that change the direction of the text around them: shown as a replacement character. */
// oxlint-disable-next-line no-control-regex
const INVISIBLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Escapes text for the content of an element and for a quoted attribute. */
export function escapeText(text: string): string {
  return text.replace(INVISIBLE, '\ufffd').replace(/[&<>"']/g, (character) => ENTITIES[character] as string);
}

/** The tag of a template of HTML: what is put into it is escaped. */
export function html(strings: TemplateStringsArray, ...contents: readonly Content[]): Markup {
  return new Markup(strings.reduce((text, next, index) => `${text}${textOf(contents[index - 1] ?? null)}${next}`));
}

function textOf(content: Content): string {
  if (content === null) return '';
  if (content instanceof Markup) return content.text;
  if (typeof content === 'number') return String(content);
  return typeof content === 'string' ? escapeText(content) : content.map((each) => each.text).join('');
}
