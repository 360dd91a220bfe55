/** How many characters of what was found an error shows, quotation marks and the mark of a cut included. */
const SHOWN = 60;

/** What a terminal or a log does not show as one visible character: controls, format and unassigned characters, line separators. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** @returns `character` as JSON escapes it, also where JSON would let it be */
function escaped(character: string): string {
	const short = JSON.stringify(character).slice(1, -1);
	if (short.startsWith('\\')) return short;
	let escape = '';
	for (let i = 0; i < character.length; i++) escape += `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`;
	return escape;
}

/** @returns `text` on one line that is safe to print */
export function printable(text: string): string {
	return text.replace(UNPRINTABLE, escaped);
}

/** @returns the first characters of `text` that fit in `most` UTF-16 units when each is written as `write` does; not the whole text unless all fit */
function cut(text: string, most: number, write: (character: string) => string): string {
	let shown = '';
	// An untrusted text may be long: what cannot be shown is not looked at.
	for (const character of text.slice(0, most + 1)) {
		const next = write(character);
		if (shown.length + next.length > most) return `${shown}…`;
		shown += next;
	}
	return shown;
}

/**
 * Quotes text from a trace for the `found` of an error.
 *
 * @returns at most 60 characters: a JSON string, cut with `…`; `nothing` for the empty text
 */
export function quoted(text: string): string {
	if (text === '') return 'nothing';
	return `"${cut(text, SHOWN - 3, character => printable(JSON.stringify(character).slice(1, -1)))}"`;
}

/** The input cannot be used: the one line that says so is `message`, and also `toString()`. */
export class TraceError extends Error {
	override name = 'TraceError';
	/** As it was given to the tool. */
	readonly file: string;
	/** From 1; 0: the error has no line. */
	readonly line: number;
	/** In bytes, from 1; 0: the error has no column. */
	readonly column: number;

	/**
	 * @param expected - what the input should have there, as a noun: `a number below 2^64`
	 * @param found - what it has instead, at most 60 characters are shown; text from the input goes through `quoted`
	 */
	constructor(file: string, line: number, column: number, expected: string, found: string) {
		super(`${place(file, line, column)}: expected ${printable(expected)}, found ${cut(found, SHOWN, printable)}`);
		this.file = file;
		this.line = line;
		this.column = column;
	}

	/** @returns the line to print, without the name of the class */
	override toString(): string {
		return this.message;
	}
}

/** The input is well formed and asks for what this model leaves out. */
export class NotModelled extends TraceError {
	override name = 'NotModelled';

	/** @param what - what is left out, as a noun: `hugetlb` */
	constructor(file: string, line: number, column: number, what: string) {
		super(file, line, column, 'what the model has', what);
		this.message = `${place(file, line, column)}: not modelled: ${printable(what)}`;
	}
}

/** @returns `file:line:column`, as far as they are known */
function place(file: string, line: number, column: number): string {
	if (line === 0) return printable(file);
	return column === 0 ? `${printable(file)}:${line}` : `${printable(file)}:${line}:${column}`;
}
