import {parse} from 'csv-parse/sync';
import {NotModelled, TraceError, quoted} from './errors.ts';
import {EVENT, EVENTS, type ArgumentKind} from '../../kernel/events.ts';

/** The columns that mean something, and the index of each in `fieldStart` and `fieldEnd`. */
export const FIELD = {a0: 0, a1: 1, a2: 2, a3: 3, a4: 4, a5: 5, result: 6, event: 7, task: 8} as const;

const ARGUMENTS = 6;
/** Where the fields of all other columns go, and are never looked at. */
const IGNORED = 9;
/** More columns than any recorder has a use for; it bounds what a header can make the reader keep. */
const MAX_COLUMNS = 4096;
const MAX_LINE = 1024 * 1024;

const LINE_FEED = 0x0a, CARRIAGE_RETURN = 0x0d, SPACE = 0x20, QUOTE = 0x22, HASH = 0x23, COMMA = 0x2c, MINUS = 0x2d, ZERO = 0x30,
	LETTER_X = 0x78, AT_SIGN = 0x40, QUESTION_MARK = 0x3f, VERTICAL_BAR = 0x7c;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];
const TWO_32 = 0x1_0000_0000;

// What a byte is to the splitting of a record into fields
const TEXT = 0, SEPARATOR = 1, LINE_END = 2, RETURN = 3, QUOTATION = 4, COMMENT_SIGN = 5, MULTIBYTE = 6, BINARY = 7;
const BYTE_CLASS = Uint8Array.from({length: 256}, (_, byte) => {
	switch (byte) {
		case 0x09: return TEXT; // a tab
		case LINE_FEED: return LINE_END;
		case CARRIAGE_RETURN: return RETURN;
		case QUOTE: return QUOTATION;
		case HASH: return COMMENT_SIGN;
		case COMMA: return SEPARATOR;
		default: return byte >= 0x80 ? MULTIBYTE : byte < SPACE || byte === 0x7f ? BINARY : TEXT;
	}
});

const NOT_A_DIGIT = 16;
/** The value of a byte as a hexadecimal digit. */
const DIGIT = new Uint8Array(256).fill(NOT_A_DIGIT);
for (let digit = 0; digit < 16; digit++) {
	const text = digit.toString(16);
	DIGIT[text.charCodeAt(0)] = digit;
	DIGIT[text.toUpperCase().charCodeAt(0)] = digit;
}

// The states in which the search for a record's end can be
const AT_RECORD = 0, AT_FIELD = 1, IN_FIELD = 2, IN_QUOTES = 3, BEHIND_QUOTE = 4, IN_COMMENT = 5;

const utf8 = new TextDecoder('utf-8', {ignoreBOM: true});
const toUtf8 = new TextEncoder();

/** A 64-bit number in two's complement, as two signed 32-bit words. */
export interface Words {
	lo: number;
	hi: number;
}

/**
 * Reads an integer: decimal, with `-` in front or not, or hexadecimal with `0x`; nothing else may stand around it.
 *
 * @param out - takes the number, in two's complement; of no use after false
 * @returns whether the bytes from `start` to `end` are an integer from -2^63 to 2^64-1
 */
export function parseInteger(bytes: Uint8Array, start: number, end: number, out: Words): boolean {
	if (start >= end) return false;
	const first = bytes[start]!;
	if (first === MINUS) return parseDecimal(bytes, start + 1, end, out) && negate(out);
	if (first === ZERO && end - start > 2 && (bytes[start + 1]! | 0x20) === LETTER_X) return parseHexadecimal(bytes, start + 2, end, out);
	return parseDecimal(bytes, start, end, out);
}

/** As `parseInteger`, for one or more hexadecimal digits. */
function parseHexadecimal(bytes: Uint8Array, start: number, end: number, out: Words): boolean {
	let lo = 0, hi = 0;
	for (let at = start; at < end; at++) {
		const digit = DIGIT[bytes[at]!]!;
		if (digit === NOT_A_DIGIT || hi >>> 28 !== 0) return false;
		hi = hi << 4 | lo >>> 28;
		lo = lo << 4 | digit;
	}
	out.lo = lo;
	out.hi = hi;
	return true;
}

/** As `parseInteger`, for one or more decimal digits. */
function parseDecimal(bytes: Uint8Array, start: number, end: number, out: Words): boolean {
	if (start >= end) return false;
	// Any fifteen digits are exact as a number
	if (end - start > 15) return parseLongDecimal(bytes, start, end, out);
	let value = 0;
	for (let at = start; at < end; at++) {
		const digit = bytes[at]! - ZERO;
		if (digit < 0 || digit > 9) return false;
		value = value * 10 + digit;
	}
	out.lo = value | 0;
	out.hi = value / TWO_32 | 0;
	return true;
}

/** As `parseDecimal`, for any number of digits. */
function parseLongDecimal(bytes: Uint8Array, start: number, end: number, out: Words): boolean {
	let lo = 0, hi = 0;
	for (let at = start; at < end; at++) {
		const digit = bytes[at]! - ZERO;
		if (digit < 0 || digit > 9) return false;
		lo = lo * 10 + digit;
		const carry = Math.floor(lo / TWO_32);
		lo -= carry * TWO_32;
		hi = hi * 10 + carry;
		if (hi >= TWO_32) return false;
	}
	out.lo = lo | 0;
	out.hi = hi | 0;
	return true;
}

/** @returns false if the negated number is below -2^63 */
function negate(out: Words): boolean {
	const {lo, hi} = out;
	if (hi < 0 && (hi !== -0x8000_0000 || lo !== 0)) return false;
	out.lo = -lo | 0;
	out.hi = ~hi + (lo === 0 ? 1 : 0) | 0;
	return true;
}

/** @returns whether the bytes from `start` to `end` are those of `name`, which is ASCII */
export function bytesEqual(bytes: Uint8Array, start: number, end: number, name: Uint8Array | string): boolean {
	if (end - start !== name.length) return false;
	if (typeof name === 'string') {
		for (let i = 0; i < name.length; i++) if (bytes[start + i] !== name.charCodeAt(i)) return false;
	} else {
		for (let i = 0; i < name.length; i++) if (bytes[start + i] !== name[i]) return false;
	}
	return true;
}

/** @returns whether a field of the current row is `name`, which is ASCII */
export function fieldEquals(row: TraceReader, field: number, name: Uint8Array | string): boolean {
	return bytesEqual(row.bytes, row.fieldStart[field]!, row.fieldEnd[field]!, name);
}

/** As `parseInteger`, for a field of the current row. */
export function fieldInteger(row: TraceReader, field: number, out: Words): boolean {
	return parseInteger(row.bytes, row.fieldStart[field]!, row.fieldEnd[field]!, out);
}

/** One byte more in the hash of a name, which begins as 0. */
function hashByte(value: number, byte: number): number {
	return Math.imul(value, 31) + byte | 0;
}

/** The low bits choose a place, and few letters reach them. */
function mixed(value: number): number {
	return value ^ value >>> 15;
}

function hash(bytes: Uint8Array, start: number, end: number): number {
	let value = 0;
	for (let at = start; at < end; at++) value = hashByte(value, bytes[at]!);
	return value;
}

/** Names and the 64-bit numbers they stand for, looked up by the bytes of a name. */
export class SymbolTable {
	/** The low and the high word of each name's number, by the index that `find` gives. */
	readonly lo: Int32Array;
	readonly hi: Int32Array;
	/** Why a name is not to be used, by its index: what is expected instead. */
	readonly refused: readonly (string | undefined)[];
	/** All names end to end, and where each begins, with the end behind the last. */
	private readonly names: Uint8Array;
	private readonly nameStart: Int32Array;
	/** An index and 1, or 0 where nothing is; a power of two long and at most half full, so a search ends. */
	private readonly slots: Int32Array;

	/**
	 * @param records - a number below 2^53 either way for each ASCII name, or a text for a name that is known but refused: what is expected instead.
	 *     A later record wins; an index counts the distinct names in order.
	 */
	constructor(...records: readonly Readonly<Record<string, number | string>>[]) {
		const entries = [...new Map(records.flatMap(record => Object.entries(record)))];
		const numbers = entries.map(([, value]) => typeof value === 'number' ? value : 0);
		this.names = toUtf8.encode(entries.map(([name]) => name).join(''));
		this.nameStart = new Int32Array(entries.length + 1);
		entries.forEach(([name], index) => {
			this.nameStart[index + 1] = this.nameStart[index]! + name.length;
		});
		this.lo = Int32Array.from(numbers, value => value | 0);
		this.hi = Int32Array.from(numbers, value => Math.floor(value / TWO_32) | 0);
		this.refused = entries.map(([, value]) => typeof value === 'string' ? value : undefined);
		this.slots = new Int32Array(2 ** Math.ceil(Math.log2(2 * entries.length + 1)));
		for (let index = 0; index < entries.length; index++) {
			let slot = this.slotOf(hash(this.names, this.nameStart[index]!, this.nameStart[index + 1]!));
			while (this.slots[slot] !== 0) slot = this.nextSlot(slot);
			this.slots[slot] = index + 1;
		}
	}

	/** @returns the index of the name that the bytes from `start` to `end` are; -1: none */
	find(bytes: Uint8Array, start: number, end: number): number {
		return this.findHashed(hash(bytes, start, end), bytes, start, end);
	}

	/** As `find`, for a name whose hash is known. */
	findHashed(hashed: number, bytes: Uint8Array, start: number, end: number): number {
		for (let slot = this.slotOf(hashed); ; slot = this.nextSlot(slot)) {
			const index = this.slots[slot]! - 1;
			if (index < 0 || this.isNamed(index, bytes, start, end)) return index;
		}
	}

	private isNamed(index: number, bytes: Uint8Array, start: number, end: number): boolean {
		const {names} = this, nameStart = this.nameStart[index]!, length = end - start;
		if (this.nameStart[index + 1]! - nameStart !== length) return false;
		for (let i = 0; i < length; i++) if (bytes[start + i] !== names[nameStart + i]) return false;
		return true;
	}

	private slotOf(hashed: number): number {
		return mixed(hashed) & this.slots.length - 1;
	}

	private nextSlot(slot: number): number {
		return slot + 1 & this.slots.length - 1;
	}
}

/** What fields of flags came to: a trace has few different ones. A field has one place, and the last that came there has it. */
class FlagCache {
	private static readonly PLACES = 128;
	/** Longer fields are not kept. */
	private static readonly LONGEST = 64;
	private readonly keys = new Uint8Array(FlagCache.PLACES * FlagCache.LONGEST);
	/** 0: nothing there, as no field that is asked for is empty. */
	private readonly lengths = new Uint8Array(FlagCache.PLACES);
	private readonly lo = new Int32Array(FlagCache.PLACES);
	private readonly hi = new Int32Array(FlagCache.PLACES);

	/** @returns whether the value of the bytes from `start` to `end` is known; it is then in `out` */
	get(bytes: Uint8Array, start: number, end: number, out: Words): boolean {
		return this.getHashed(hash(bytes, start, end), bytes, start, end, out);
	}

	/** As `get`, for a field whose hash is known. */
	getHashed(hashed: number, bytes: Uint8Array, start: number, end: number, out: Words): boolean {
		const {keys} = this, length = end - start;
		if (length > FlagCache.LONGEST) return false;
		const place = this.placeOf(hashed), key = place * FlagCache.LONGEST;
		if (this.lengths[place] !== length) return false;
		for (let i = 0; i < length; i++) if (bytes[start + i] !== keys[key + i]) return false;
		out.lo = this.lo[place]!;
		out.hi = this.hi[place]!;
		return true;
	}

	set(bytes: Uint8Array, start: number, end: number, value: Words): void {
		const length = end - start;
		if (length > FlagCache.LONGEST) return;
		const place = this.placeOf(hash(bytes, start, end)), key = place * FlagCache.LONGEST;
		for (let i = 0; i < length; i++) this.keys[key + i] = bytes[start + i]!;
		this.lengths[place] = length;
		this.lo[place] = value.lo;
		this.hi[place] = value.hi;
	}

	clear(): void {
		this.lengths.fill(0);
	}

	private placeOf(hashed: number): number {
		return mixed(hashed) & FlagCache.PLACES - 1;
	}
}

const eventNames = new SymbolTable(EVENT);

const NUMBER = 0, FLAGS = 1;
const ARGUMENT_KINDS: readonly ArgumentKind[] = ['number', 'flags', 'text'];
/** What each argument of each event is: an index of `ARGUMENT_KINDS`, at six times the event's id and the argument's index. */
const argumentKinds = Uint8Array.from(
	EVENTS.flatMap(({args}) => Array.from({length: ARGUMENTS}, (_, i) => ARGUMENT_KINDS.indexOf(args[i] ?? 'number'))));

const PLAIN_COLUMNS: readonly number[] = [FIELD.event, FIELD.task, FIELD.a0, FIELD.a1, FIELD.a2, FIELD.a3, FIELD.a4, FIELD.a5, FIELD.result];

/** What rows are handed to. */
export interface RowHandler {
	/** @returns false to read no further */
	onRow(row: TraceReader): boolean;
	/**
	 * A comment, a blank line or the header: only the raw record means something, and the header's columns are known from the header on.
	 *
	 * @returns false to read no further
	 */
	onComment?(row: TraceReader): unknown;
}

/**
 * Reads a trace that is pushed to it in chunks, and hands it on row by row.
 *
 * The reader is the current row, too, and what it says of it holds until the handler returns. Nothing is allocated for a row, unless
 * it has quotes: those are taken off by csv-parse. Input that is not a trace is a `TraceError` thrown by `push` or `end`, the same one
 * however the input is cut into chunks. After that, as after an error of the handler's, the reader is of no more use.
 */
export class TraceReader {
	/** The trace's name, as errors print it. */
	readonly file: string;
	/** The current row's first line, from 1. */
	line = 0;
	/** Index of the event in `EVENTS`; -1: the current record is no row. */
	event = -1;
	/** 1 where it is empty. */
	task = 1;
	/** The arguments' low and high words, in two's complement; 0 for an empty argument and for text. */
	readonly lo = new Int32Array(ARGUMENTS);
	readonly hi = new Int32Array(ARGUMENTS);
	/** Bit i is set when argument i is not empty. */
	given = 0;
	/** What `fieldStart` and `fieldEnd` point into: the fields, by `FIELD`, without their quotes. */
	bytes: Uint8Array = new Uint8Array(0);
	readonly fieldStart = new Int32Array(IGNORED + 1);
	readonly fieldEnd = new Int32Array(IGNORED + 1);
	/** The whole record as it stands in the input, a byte order mark included, from `rawStart` to `rawEnd`; its line end follows. */
	rawBytes: Uint8Array = this.bytes;
	rawStart = 0;
	rawEnd = 0;
	/** 2 for CR LF, 1 for LF, 0 for a last line that has none. */
	lineEndLength = 0;
	/** How many fields the current row has; it may be fewer than the header has columns. */
	fieldCount = 0;
	/** How many columns the header has; 0 before it. */
	columnCount = 0;
	/** The column of each field, from 0; -1 where the header has no such column. */
	readonly columnOf = new Int32Array(IGNORED).fill(-1);
	/** What the last successful `resultInteger` or `resultSignal` has read. */
	resultLo = 0;
	resultHi = 0;
	/** Whether the signal of the last `resultSignal` has an address. */
	resultHasAddress = false;
	/** The current word of the result, after `nextWord`. */
	wordStart = 0;
	wordEnd = 0;

	private readonly handler: RowHandler;
	private readonly maxLine: number;
	private table = new SymbolTable();
	private readonly flagCache = new FlagCache();
	private readonly words: Words = {lo: 0, hi: 0};
	private stopped = false;
	/** The field of each column; before the header, columns are only counted. */
	private fieldOf = new Uint8Array(MAX_COLUMNS).fill(IGNORED);
	private nextLine = 1;
	/** The header has the columns of the format in its order, and no others. */
	private isPlain = false;
	/** Behind a byte order mark. */
	private textStart = 0;
	private isRow = false;
	private isQuoted = false;
	/** Line ends inside the quotes of the current record. */
	private innerLines = 0;
	private openQuote = 0;
	/** The record that the last chunk has only the beginning of. */
	private carry: Uint8Array = new Uint8Array(0);
	private carried = 0;
	private carryState = AT_RECORD;
	/** 1 in a last line that had no line end. */
	private addedBytes = 0;
	/** The fields of a row that has quotes. */
	private unquoted: Uint8Array = new Uint8Array(0);

	/** @param options - `maxLine`: bytes in the longest record, without its line end, quoted line ends included; 1 MiB unless told */
	constructor(file: string, handler: RowHandler, options: {readonly maxLine?: number} = {}) {
		this.file = file;
		this.handler = handler;
		this.maxLine = options.maxLine ?? MAX_LINE;
	}

	/** What flags may be called, from the next row on; at first there are no names. */
	get symbols(): SymbolTable {
		return this.table;
	}

	set symbols(table: SymbolTable) {
		this.table = table;
		this.flagCache.clear();
	}

	/**
	 * Reads on.
	 *
	 * @param chunk - the next bytes, which the caller may overwrite afterwards
	 * @returns false once the handler has asked to stop
	 */
	push(data: Uint8Array): boolean {
		if (this.stopped) return false;
		// A Buffer is of another class, and code that has met two classes is slower for both
		const chunk = data.constructor === Uint8Array ? data : new Uint8Array(data.buffer, data.byteOffset, data.length);
		const start = this.carried === 0 ? 0 : this.finishCarried(chunk);
		const rest = this.stopped ? chunk.length : this.readRecords(chunk, start, chunk.length);
		if (rest < chunk.length && !this.stopped) {
			this.carryState = AT_RECORD;
			this.recordEnd(chunk, rest);
			this.keep(chunk, rest, chunk.length);
		}
		return !this.stopped;
	}

	/** Ends the input: reads a last line without line end, and demands that there was a header. Without effect once the handler has asked to stop. */
	end(): void {
		if (this.stopped) return;
		if (this.carried > 0) this.readLastLine();
		if (this.columnCount === 0 && !this.stopped) throw new TraceError(this.file, 0, 0, 'a header row', 'the end of the file');
	}

	/** @returns from 1, in bytes from the start of the field's line; for a field that the row does not have, the end of the row's last line */
	column(field: number): number {
		return this.columnAt(this.rawFieldStart(field));
	}

	/** @returns the line that the field begins on: not the row's own where a quoted field before it has line ends */
	lineOf(field: number): number {
		return this.lineAt(this.rawFieldStart(field));
	}

	/** @returns where the field begins in `rawBytes`, before its quote if it has one; `rawEnd` for a field that the row does not have */
	rawFieldStart(field: number): number {
		const column = this.columnOf[field]!;
		if (column < 0 || column >= this.fieldCount) return this.rawEnd;
		return this.isQuoted ? this.columnStart(column) : this.fieldStart[field]!;
	}

	/** @returns where the field ends in `rawBytes`, behind its quote if it has one */
	rawFieldEnd(field: number): number {
		const column = this.columnOf[field]!;
		if (column < 0 || column >= this.fieldCount - 1) return this.rawEnd;
		return this.isQuoted ? this.columnStart(column + 1) - 1 : this.fieldEnd[field]!;
	}

	/** @param expected - what the field of the current row should be, as a noun */
	fail(field: number, expected: string): never {
		throw new TraceError(this.file, this.lineOf(field), this.column(field), expected, quoted(this.text(field)));
	}

	/** @param what - what the model leaves out and the field asks for, as a noun */
	failNotModelled(field: number, what: string): never {
		throw new NotModelled(this.file, this.lineOf(field), this.column(field), what);
	}

	/** @returns the field's content as a new string: for rare rows */
	text(field: number): string {
		return utf8.decode(this.bytes.subarray(this.fieldStart[field]!, this.fieldEnd[field]!));
	}

	/** @returns whether a result was recorded: it is neither empty nor `?` */
	resultGiven(): boolean {
		const start = this.fieldStart[FIELD.result]!, length = this.fieldEnd[FIELD.result]! - start;
		return length > 1 || length === 1 && this.bytes[start] !== QUESTION_MARK;
	}

	/** @returns whether the result is `name`, which is ASCII */
	resultIs(name: Uint8Array | string): boolean {
		return fieldEquals(this, FIELD.result, name);
	}

	/** Reads the result into `resultLo` and `resultHi`. @returns false if it is not an integer */
	resultInteger(): boolean {
		return this.resultWords(this.fieldStart[FIELD.result]!);
	}

	/**
	 * Compares the result with a signal, and reads its address into `resultLo` and `resultHi`; `resultHasAddress` tells whether it has one.
	 *
	 * @returns whether the result is `name`, which is ASCII, or `name@ADDRESS`
	 */
	resultSignal(name: Uint8Array | string): boolean {
		const start = this.fieldStart[FIELD.result]!, end = this.fieldEnd[FIELD.result]!, nameEnd = start + name.length;
		this.resultHasAddress = false;
		if (nameEnd >= end) return bytesEqual(this.bytes, start, end, name);
		if (this.bytes[nameEnd] !== AT_SIGN || !bytesEqual(this.bytes, start, nameEnd, name)) return false;
		this.resultHasAddress = this.resultWords(nameEnd + 1);
		return this.resultHasAddress;
	}

	/** Goes to the next word of the result, at first to the first one; words are what spaces separate. @returns false if there is none */
	nextWord(): boolean {
		const {bytes} = this, end = this.fieldEnd[FIELD.result]!;
		let start = this.wordEnd;
		while (start < end && bytes[start] === SPACE) start++;
		let wordEnd = start;
		while (wordEnd < end && bytes[wordEnd] !== SPACE) wordEnd++;
		this.wordStart = start;
		this.wordEnd = wordEnd;
		return start < wordEnd;
	}

	/** Goes back to before the first word of the result. */
	rewindWords(): void {
		this.wordEnd = this.fieldStart[FIELD.result]!;
	}

	/** @returns false if the result is not an integer from `start` on */
	private resultWords(start: number): boolean {
		const {words} = this;
		if (!parseInteger(this.bytes, start, this.fieldEnd[FIELD.result]!, words)) return false;
		this.resultLo = words.lo;
		this.resultHi = words.hi;
		return true;
	}

	/** @returns where the first record begins that does not end before `limit`, or that is not wanted any more */
	private readRecords(bytes: Uint8Array, start: number, limit: number): number {
		while (start < limit && !this.stopped) {
			const behind = this.isPlain ? this.parsePlainRow(bytes, start, limit) : -1;
			if (behind >= 0) {
				if (!this.handler.onRow(this)) this.stopped = true;
				start = behind;
				continue;
			}
			const next = this.splitRecord(bytes, start, limit);
			if (next < 0) return start;
			this.deliver();
			start = next;
		}
		return start;
	}

	/**
	 * Reads a row in one pass: the columns of the format in its order, fields that are plain or empty, flags that have been read before, LF. That is
	 * nearly every row of a recording. Any other one is left to `splitRecord`, which begins again and knows everything, errors among it.
	 *
	 * @returns where the next record begins; -1: it is another kind of record
	 */
	private parsePlainRow(bytes: Uint8Array, start: number, limit: number): number {
		const {fieldStart, fieldEnd, lo, hi, words} = this;
		let at = start, byte = 0, hashed = 0;
		// every byte of a name is above a comma
		while (at < limit && (byte = bytes[at]!) > COMMA) {
			hashed = hashByte(hashed, byte);
			at++;
		}
		if (at >= limit || byte !== COMMA) return -1;
		const event = eventNames.findHashed(hashed, bytes, start, at);
		if (event < 0) return -1;
		fieldStart[FIELD.event] = start;
		fieldEnd[FIELD.event] = at;
		const taskStart = ++at;
		let task = 0;
		while (at < limit && (byte = bytes[at]! - ZERO) >= 0 && byte <= 9) {
			task = task * 10 + byte;
			at++;
		}
		if (at >= limit || bytes[at] !== COMMA || at - taskStart > 9 || task === 0 && at > taskStart) return -1;
		fieldStart[FIELD.task] = taskStart;
		fieldEnd[FIELD.task] = at;
		this.task = at === taskStart ? 1 : task;
		let given = 0;
		for (let i = 0; i < ARGUMENTS; i++) {
			const from = ++at;
			if (at >= limit) return -1;
			byte = bytes[at]!;
			if (byte === COMMA) {
				lo[i] = hi[i] = 0;
				fieldStart[i] = fieldEnd[i] = at;
				continue;
			}
			if (byte === LINE_FEED) return this.endPlainRow(bytes, start, at, event, given, i, i);
			const kind = argumentKinds[event * ARGUMENTS + i];
			if (kind === NUMBER) {
				if (byte === ZERO && at + 2 < limit && (bytes[at + 1]! | 0x20) === LETTER_X) {
					let low = 0, high = 0, digit = 0;
					at += 2;
					while (at < limit && (digit = DIGIT[bytes[at]!]!) !== NOT_A_DIGIT) {
						high = high << 4 | low >>> 28;
						low = low << 4 | digit;
						at++;
					}
					// an empty number, or one that may be too large
					if (at === from + 2 || at - from > 18) return -1;
					lo[i] = low;
					hi[i] = high;
				} else {
					let value = 0;
					while (at < limit && (byte = bytes[at]! - ZERO) >= 0 && byte <= 9) {
						value = value * 10 + byte;
						at++;
					}
					if (at === from || at - from > 15) return -1;
					lo[i] = value | 0;
					hi[i] = value / TWO_32 | 0;
				}
			} else if (kind === FLAGS) {
				hashed = 0;
				while (at < limit && (byte = bytes[at]!) > COMMA) {
					hashed = hashByte(hashed, byte);
					at++;
				}
				if (!this.flagCache.getHashed(hashed, bytes, from, at, words)) return -1;
				lo[i] = words.lo;
				hi[i] = words.hi;
			} else {
				return -1;
			}
			if (at >= limit) return -1;
			given |= 1 << i;
			fieldStart[i] = from;
			fieldEnd[i] = at;
			if (bytes[at] === COMMA) continue;
			return bytes[at] === LINE_FEED ? this.endPlainRow(bytes, start, at, event, given, i, i + 1) : -1;
		}
		const resultStart = ++at;
		while (at < limit && BYTE_CLASS[bytes[at]!] === TEXT) at++;
		if (at >= limit || bytes[at] !== LINE_FEED) return -1;
		fieldStart[FIELD.result] = resultStart;
		return this.endPlainRow(bytes, start, at, event, given, ARGUMENTS, ARGUMENTS + 1);
	}

	/**
	 * @param last - the last of the arguments and the result that the row has
	 * @param filled - how many of them have been read
	 * @returns as parsePlainRow
	 */
	private endPlainRow(bytes: Uint8Array, start: number, at: number, event: number, given: number, last: number, filled: number): number {
		const {fieldStart, fieldEnd, lo, hi} = this;
		if (at - start > this.maxLine) return -1;
		for (let i = filled; i < ARGUMENTS; i++) {
			lo[i] = hi[i] = 0;
			fieldStart[i] = fieldEnd[i] = at;
		}
		if (filled <= ARGUMENTS) fieldStart[FIELD.result] = at;
		fieldEnd[FIELD.result] = at;
		this.wordEnd = fieldStart[FIELD.result]!;
		this.event = event;
		this.given = given;
		this.bytes = this.rawBytes = bytes;
		this.rawStart = this.textStart = start;
		this.rawEnd = at;
		this.lineEndLength = 1;
		this.isRow = true;
		this.isQuoted = false;
		this.innerLines = 0;
		this.fieldCount = last + 3;
		this.line = this.nextLine++;
		return at + 1;
	}

	/**
	 * Finds the end of a record and of each of its fields, and leaves them in the fields of this object.
	 *
	 * @returns where the next record begins; -1: this one does not end before `limit`
	 */
	private splitRecord(bytes: Uint8Array, start: number, limit: number): number {
		const {fieldStart, fieldEnd, fieldOf} = this, tooFar = start + this.maxLine + 2, stop = Math.min(limit, tooFar);
		let at = start, from = start, column = 0, field = fieldOf[0]!;
		this.line = this.nextLine;
		this.bytes = this.rawBytes = bytes;
		this.rawStart = this.textStart = start;
		this.isQuoted = false;
		this.innerLines = 0;
		while (at < stop) {
			const byteClass = BYTE_CLASS[bytes[at]!];
			if (byteClass === TEXT || byteClass === COMMENT_SIGN && (column > 0 || at > from)) {
				at++;
			} else if (byteClass === SEPARATOR) {
				fieldStart[field] = from;
				fieldEnd[field] = at;
				if (++column === fieldOf.length) this.failAt(at, `at most ${column} fields`, 'one more');
				field = fieldOf[column]!;
				from = ++at;
			} else if (byteClass === LINE_END || byteClass === RETURN) {
				const next = lineEnd(bytes, at, stop);
				if (next < 0) break;
				if (next === at) this.failAt(at, 'a line end of LF or CR LF', 'CR alone');
				if (at - start > this.maxLine) this.failTooLong();
				fieldStart[field] = from;
				fieldEnd[field] = at;
				this.isRow = column > 0 || from < at;
				this.endRecord(column + 1, at, next);
				return next;
			} else if (byteClass === QUOTATION) {
				if (at > from) this.failAt(at, 'quotes around a whole field', 'a quote inside');
				this.isQuoted = true;
				at = this.skipQuotes(at, stop);
				if (at < 0) break;
			} else if (byteClass === COMMENT_SIGN) {
				at = this.skipComment(at, stop);
				if (at < 0) break;
				if (at - start > this.maxLine) this.failTooLong();
				const next = lineEnd(bytes, at, stop);
				this.isRow = false;
				this.endRecord(0, at, next);
				return next;
			} else {
				at = this.skipCharacter(at, stop);
				if (at < 0) break;
				if (this.line === 1 && at === start + 3 && isByteOrderMark(bytes, start)) this.textStart = from = at;
			}
		}
		if (stop === tooFar) this.failTooLong();
		return -1;
	}

	/** Notes where the current record and the next one are, and empties the fields that this one is too short for. */
	private endRecord(fieldCount: number, end: number, next: number): void {
		this.rawEnd = end;
		this.lineEndLength = next - end - this.addedBytes;
		this.fieldCount = fieldCount;
		this.nextLine = this.line + 1 + this.innerLines;
		if (this.isRow) for (let column = fieldCount; column < this.fieldOf.length; column++) {
			const field = this.fieldOf[column]!;
			this.fieldStart[field] = this.fieldEnd[field] = end;
		}
	}

	/** @returns behind the closing quote of the field that `at` opens; -1: not before `stop` */
	private skipQuotes(at: number, stop: number): number {
		const bytes = this.rawBytes;
		this.openQuote = at++;
		while (at >= 0 && at < stop) {
			const byteClass = BYTE_CLASS[bytes[at]!];
			if (byteClass === QUOTATION) {
				if (++at === stop) return -1;
				const behind = BYTE_CLASS[bytes[at]!];
				if (behind === SEPARATOR || behind === LINE_END || behind === RETURN) return at;
				if (behind !== QUOTATION) this.failAt(at, 'a comma or a line end behind the closing quote', byteName(bytes[at]!));
				at++;
			} else if (byteClass === MULTIBYTE || byteClass === BINARY) {
				at = this.skipCharacter(at, stop);
			} else {
				if (byteClass === LINE_END) this.innerLines++;
				at++;
			}
		}
		return -1;
	}

	/** @returns the line end of the comment that contains `at`, whose text may be anything but binary; -1: it is not all before `stop` */
	private skipComment(at: number, stop: number): number {
		const bytes = this.rawBytes;
		while (at >= 0 && at < stop) {
			const byteClass = BYTE_CLASS[bytes[at]!];
			if (byteClass === LINE_END) return bytes[at - 1] === CARRIAGE_RETURN ? at - 1 : at;
			at = byteClass === MULTIBYTE || byteClass === BINARY ? this.skipCharacter(at, stop) : at + 1;
		}
		return -1;
	}

	/** @returns behind the character at `at`; -1: it does not end before `stop` */
	private skipCharacter(at: number, stop: number): number {
		const bytes = this.rawBytes, byte = bytes[at]!, length = BYTE_CLASS[byte] === BINARY ? 0 : utf8Length(bytes, at, stop);
		if (length < 0) return -1;
		if (length > 0) return at + length;
		const isWide = this.line === 1 && (byte === 0 || byte >= 0xfe);
		return this.failAt(at, 'text in UTF-8', isWide ? `UTF-16 or UTF-32, or no text (${byteName(byte)})` : byteName(byte));
	}

	/** Hands the current record to whom it concerns. */
	private deliver(): void {
		this.event = -1;
		if (this.isRow && this.columnCount > 0) {
			if (this.isQuoted) this.unquote();
			this.parseRow();
			if (!this.handler.onRow(this)) this.stopped = true;
			return;
		}
		if (this.isRow) this.readHeader();
		if (this.handler.onComment?.(this) === false) this.stopped = true;
	}

	/** Reads the event, the task and the arguments of the current row out of its fields. */
	private parseRow(): void {
		const {fieldStart, fieldEnd, lo, hi} = this;
		const event = eventNames.find(this.bytes, fieldStart[FIELD.event]!, fieldEnd[FIELD.event]!);
		if (event < 0) this.fail(FIELD.event, 'an event');
		this.event = event;
		this.task = fieldStart[FIELD.task] === fieldEnd[FIELD.task] ? 1 : this.parseTask();
		this.wordEnd = fieldStart[FIELD.result]!;
		let given = 0;
		for (let i = 0; i < ARGUMENTS; i++) {
			lo[i] = hi[i] = 0;
			if (fieldStart[i] === fieldEnd[i]) continue;
			given |= 1 << i;
			const kind = argumentKinds[event * ARGUMENTS + i];
			if (kind === NUMBER) this.parseNumber(i);
			else if (kind === FLAGS) this.parseFlags(i);
		}
		this.given = given;
	}

	private parseTask(): number {
		const {words} = this;
		if (!fieldInteger(this, FIELD.task, words) || words.hi !== 0 || words.lo < 1) this.fail(FIELD.task, 'a task, a number from 1 to 2147483647');
		return words.lo;
	}

	private parseNumber(i: number): void {
		const {words} = this;
		if (!fieldInteger(this, i, words)) this.failNumber(i);
		this.lo[i] = words.lo;
		this.hi[i] = words.hi;
	}

	private parseFlags(i: number): void {
		const {bytes, words, flagCache} = this, start = this.fieldStart[i]!, end = this.fieldEnd[i]!;
		if (!flagCache.get(bytes, start, end, words)) {
			this.parseFlagList(i, start, end);
			flagCache.set(bytes, start, end, words);
		}
		this.lo[i] = words.lo;
		this.hi[i] = words.hi;
	}

	/** Reads names and numbers joined by `|` into `words`. */
	private parseFlagList(field: number, start: number, end: number): void {
		const {bytes, words} = this;
		let lo = 0, hi = 0;
		for (let at = start, from = start; at <= end; at++) {
			if (at < end && bytes[at] !== VERTICAL_BAR) continue;
			this.parseFlag(field, from, at);
			lo |= words.lo;
			hi |= words.hi;
			from = at + 1;
		}
		words.lo = lo;
		words.hi = hi;
	}

	/** Reads one name or number into `words`. */
	private parseFlag(field: number, start: number, end: number): void {
		const {bytes, words, table} = this;
		if (start < end && (bytes[start] === MINUS || DIGIT[bytes[start]!]! < 10)) {
			if (!parseInteger(bytes, start, end, words)) this.failNumber(field);
			return;
		}
		const symbol = table.find(bytes, start, end);
		if (symbol < 0) this.fail(field, 'a known flag');
		const refused = table.refused[symbol];
		if (refused !== undefined) this.fail(field, refused);
		words.lo = table.lo[symbol]!;
		words.hi = table.hi[symbol]!;
	}

	/** Tells a number that is too large from what is none. */
	private failNumber(field: number): never {
		const parts = this.text(field).split('|');
		if (parts.some(part => /^-\d+$/.test(part) && BigInt(part) < -(2n ** 63n))) this.fail(field, 'a number not below -2^63');
		if (parts.some(part => /^(\d+|0x[\da-f]+)$/i.test(part) && BigInt(part) >= 2n ** 64n)) this.fail(field, 'a number below 2^64');
		return this.fail(field, 'a number');
	}

	/** Learns from the current record what the columns are. */
	private readHeader(): void {
		const names = csvFields(this.recordText()), fieldOf = new Uint8Array(names.length).fill(IGNORED);
		if (!names.some(name => name.trim() === 'event')) throw new TraceError(this.file, this.line, 1, 'a header row with the column event', quoted(this.recordText()));
		names.forEach((name, column) => {
			// A column without a name is what a spreadsheet leaves behind
			if (name !== '' && names.indexOf(name) < column) this.failColumn(column, 'each column once', name);
			// It would be carried along and ignored, and its values with it
			if (name !== name.trim() && Object.hasOwn(FIELD, name.trim())) this.failColumn(column, 'a column name without spaces around it', name);
			if (!Object.hasOwn(FIELD, name)) return;
			const field = FIELD[name as keyof typeof FIELD];
			fieldOf[column] = field;
			this.columnOf[field] = column;
		});
		this.fieldOf = fieldOf;
		this.columnCount = names.length;
		this.isPlain = names.length === PLAIN_COLUMNS.length && PLAIN_COLUMNS.every((field, column) => field === fieldOf[column]);
	}

	/** Puts the fields of a row that has quotes in a buffer of their own. */
	private unquote(): void {
		const {fieldStart, fieldEnd, fieldOf} = this, length = this.rawEnd - this.textStart;
		if (this.unquoted.length < length) this.unquoted = new Uint8Array(2 * length);
		let end = 0;
		csvFields(this.recordText()).forEach((text, column) => {
			const field = fieldOf[column]!;
			fieldStart[field] = end;
			end += toUtf8.encodeInto(text, this.unquoted.subarray(end)).written;
			fieldEnd[field] = end;
		});
		this.bytes = this.unquoted;
	}

	private recordText(): string {
		return utf8.decode(this.rawBytes.subarray(this.textStart, this.rawEnd));
	}

	/** @returns where a column of the current record begins in `rawBytes` */
	private columnStart(column: number): number {
		let at = this.textStart;
		for (let inQuotes = false; column > 0; at++) {
			if (this.rawBytes[at] === QUOTE) inQuotes = !inQuotes;
			else if (this.rawBytes[at] === COMMA && !inQuotes) column--;
		}
		return at;
	}

	/** Gathers the rest of the record that the last chunk began, and reads it. @returns where the next record begins in `chunk` */
	private finishCarried(chunk: Uint8Array): number {
		const end = this.recordEnd(chunk, 0);
		this.keep(chunk, 0, end < 0 ? chunk.length : end);
		if (end < 0 && this.carried < this.maxLine + 2) return chunk.length;
		this.readCarried();
		return end;
	}

	/** Reads a last line that has no line end; a lone CR is the first half of one. */
	private readLastLine(): void {
		this.addedBytes = 1;
		this.isPlain = false;
		this.keep(Uint8Array.of(LINE_FEED), 0, this.addedBytes);
		if (this.readCarried() === 0) this.failAt(this.openQuote, 'a closing quote', 'none before the end of the file');
	}

	/** @returns 0 if the record carried is not whole */
	private readCarried(): number {
		const length = this.carried;
		this.carried = 0;
		return this.readRecords(this.carry, 0, length);
	}

	/** Appends to the record carried, up to the length at which it is certainly too long, and then says so. */
	private keep(bytes: Uint8Array, start: number, end: number): void {
		const most = this.maxLine + 2, length = Math.min(this.carried + end - start, most);
		if (this.carry.length < length) {
			const larger = new Uint8Array(Math.min(2 * length, most));
			larger.set(this.carry.subarray(0, this.carried));
			this.carry = larger;
		}
		this.carry.set(bytes.subarray(start, start + length - this.carried), this.carried);
		this.carried = length;
	}

	/**
	 * Looks on for the end of the record carried; `carryState` keeps what has been seen of it. What is wrong with it is found
	 * when it is read as a whole.
	 *
	 * @returns behind the record's line end; -1: not in this chunk
	 */
	private recordEnd(chunk: Uint8Array, start: number): number {
		let state = this.carryState;
		for (let at = start; at < chunk.length; at++) {
			const byte = chunk[at]!;
			if (state === IN_QUOTES) {
				if (byte === QUOTE) state = BEHIND_QUOTE;
			} else if (byte === LINE_FEED) {
				return at + 1;
			} else if (state === IN_COMMENT || this.nextLine === 1 && byte === BYTE_ORDER_MARK[this.carried + at - start]) {
				// The rest of the line, or the mark, is nothing to the quotes
			} else if (byte === COMMA) {
				state = AT_FIELD;
			} else if (byte === QUOTE && state !== IN_FIELD) {
				state = IN_QUOTES;
			} else {
				state = byte === HASH && state === AT_RECORD ? IN_COMMENT : IN_FIELD;
			}
		}
		this.carryState = state;
		return -1;
	}

	private lineAt(at: number): number {
		let line = this.line;
		for (let i = this.rawStart; i < at; i++) if (this.rawBytes[i] === LINE_FEED) line++;
		return line;
	}

	private columnAt(at: number): number {
		const lastLine = at > this.rawStart ? this.rawBytes.lastIndexOf(LINE_FEED, at - 1) + 1 : 0;
		return at - Math.max(lastLine, this.textStart) + 1;
	}

	/** @param found - said as it is, so not text of the trace */
	private failAt(at: number, expected: string, found: string): never {
		throw new TraceError(this.file, this.lineAt(at), this.columnAt(at), expected, found);
	}

	private failColumn(column: number, expected: string, name: string): never {
		return this.failAt(this.columnStart(column), expected, quoted(name));
	}

	private failTooLong(): never {
		const found = this.isQuoted ? 'a longer one with quotes' : 'a longer one';
		throw new TraceError(this.file, this.line, 1, `a record of at most ${this.maxLine} bytes`, found);
	}
}

/** @returns the fields of one record that has no line end and is well formed */
function csvFields(record: string): string[] {
	return parse(record, {record_delimiter: ['\n', '\r\n']})[0]!;
}

/** @returns behind the line end at `at`; `at` itself: a CR that ends no line; -1: `stop` leaves that open */
function lineEnd(bytes: Uint8Array, at: number, stop: number): number {
	if (bytes[at] === LINE_FEED) return at + 1;
	if (at + 1 === stop) return -1;
	return bytes[at + 1] === LINE_FEED ? at + 2 : at;
}

function isByteOrderMark(bytes: Uint8Array, at: number): boolean {
	return BYTE_ORDER_MARK.every((byte, i) => bytes[at + i] === byte);
}

/** @returns how many bytes the UTF-8 sequence of two bytes or more has that begins at `at`; 0: it is none; -1: `stop` cuts it off */
function utf8Length(bytes: Uint8Array, at: number, stop: number): number {
	const first = bytes[at]!;
	if (first < 0xc2 || first > 0xf4) return 0;
	const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	// The second byte excludes what has a shorter form, surrogates, and what is past U+10FFFF
	const least = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80, most = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
	for (let i = 1; i < length; i++) {
		if (at + i >= stop) return -1;
		const byte = bytes[at + i]!;
		if (i === 1 ? byte < least || byte > most : byte < 0x80 || byte > 0xbf) return 0;
	}
	return length;
}

function byteName(byte: number): string {
	return byte > SPACE && byte < 0x7f ? quoted(String.fromCharCode(byte)) : `byte 0x${byte.toString(16).padStart(2, '0')}`;
}
