import test from 'ava';
import {NotModelled, TraceError, quoted} from '../../../tools/lib/errors.ts';
import {EVENT, EVENTS, type EventName} from '../../../kernel/events.ts';
import {FIELD, SymbolTable, TraceReader, fieldEquals, fieldInteger, parseInteger, type RowHandler} from '../../../tools/lib/scan.ts';

const HEADER = 'event,task,a0,a1,a2,a3,a4,a5,result\n';
const encoder = new TextEncoder();

/** Reads a trace in one chunk and calls `onRow` for each row. */
function read(text: string | Uint8Array, onRow: (row: TraceReader) => void = () => {}, symbols = new SymbolTable()): void {
	const reader = new TraceReader('t.csv', {onRow: row => (onRow(row), true)});
	reader.symbols = symbols;
	reader.push(typeof text === 'string' ? encoder.encode(text) : text);
	reader.end();
}

/** @returns what `pick` makes of each row */
function readAll<T>(text: string | Uint8Array, pick: (row: TraceReader) => T, symbols?: SymbolTable): T[] {
	const all: T[] = [];
	read(text, row => all.push(pick(row)), symbols);
	return all;
}

/** @returns argument i of the row, as a hexadecimal number of 64 bits */
function argument(row: TraceReader, i: number): string {
	return hex(row.lo[i]!, row.hi[i]!);
}

function hex(lo: number, hi: number): string {
	return `0x${BigInt.asUintN(64, BigInt(hi) << 32n | BigInt(lo >>> 0)).toString(16)}`;
}

/** The text is no trace, and the error is this line. */
const refused = test.macro({
	title: (_, what: string) => `TraceReader refuses ${what}`,
	exec(t, _what: string, text: string | Uint8Array, line: string, symbols?: SymbolTable) {
		const error = t.throws(() => read(text, undefined, symbols), {instanceOf: TraceError});
		t.is(error.message, line);
		t.is(String(error), line);
	},
});

// Numbers

const integer = test.macro({
	title: (_, text: string, value: string) => `parseInteger reads ${JSON.stringify(text)} as ${value}`,
	exec(t, text: string, value: string) {
		const bytes = encoder.encode(`9${text}9`), out = {lo: 0, hi: 0};
		t.true(parseInteger(bytes, 1, bytes.length - 1, out));
		t.is(hex(out.lo, out.hi), value);
		t.deepEqual(out, {lo: out.lo | 0, hi: out.hi | 0}, 'signed words');
	},
});
test(integer, '0', '0x0');
test(integer, '-0', '0x0');
test(integer, '7', '0x7');
test(integer, '-1', '0xffffffffffffffff');
test(integer, '-4294967296', '0xffffffff00000000');
test(integer, '-4294967297', '0xfffffffeffffffff');
test(integer, '2147483648', '0x80000000');
test(integer, '4294967295', '0xffffffff');
test(integer, '4294967296', '0x100000000');
test(integer, '999999999999999', '0x38d7ea4c67fff');
test(integer, '1000000000000000', '0x38d7ea4c68000');
test(integer, '9007199254740993', '0x20000000000001');
test(integer, '9223372036854775807', '0x7fffffffffffffff');
test(integer, '9223372036854775808', '0x8000000000000000');
test(integer, '18446744073709551615', '0xffffffffffffffff');
test(integer, '-9223372036854775807', '0x8000000000000001');
test(integer, '-9223372036854775808', '0x8000000000000000');
test(integer, '0010', '0xa');
test(integer, '000000000000000000000000000000018446744073709551615', '0xffffffffffffffff');
test(integer, '0x0', '0x0');
test(integer, '0xF', '0xf');
test(integer, '0XfF', '0xff');
test(integer, '0x80000000', '0x80000000');
test(integer, '0xffffffffffffffff', '0xffffffffffffffff');
test(integer, '0x0000000000000000000000000123456789abcdef', '0x123456789abcdef');

const noInteger = test.macro({
	title: (_, text: string, expected: string) => `${JSON.stringify(text)} in place of an address is an error that asks for ${expected}`,
	exec(t, text: string, expected: string) {
		const bytes = encoder.encode(`9${text}9`);
		t.false(parseInteger(bytes, 1, bytes.length - 1, {lo: 0, hi: 0}));
		t.throws(() => read(`${HEADER}exec,,${text}`), {message: `t.csv:2:7: expected ${expected}, found ${quoted(text)}`});
	},
});
test(noInteger, '-', 'a number');
test(noInteger, '--1', 'a number');
test(noInteger, '+1', 'a number');
test(noInteger, '0x', 'a number');
test(noInteger, '0xg', 'a number');
test(noInteger, '-0x1', 'a number');
test(noInteger, 'x1', 'a number');
test(noInteger, '1a', 'a number');
test(noInteger, '12345678901234567a', 'a number');
test(noInteger, '1.5', 'a number');
test(noInteger, '1e3', 'a number');
test(noInteger, ' 1', 'a number');
test(noInteger, '1 ', 'a number');
test(noInteger, '1\t', 'a number');
test(noInteger, '١', 'a number');
test(noInteger, 'PROT_READ', 'a number');
test(noInteger, '18446744073709551616', 'a number below 2^64');
test(noInteger, '99999999999999999999999999999999999999999999999999', 'a number below 2^64');
test(noInteger, '0x10000000000000000', 'a number below 2^64');
test(noInteger, '-9223372036854775809', 'a number not below -2^63');
test(noInteger, '-18446744073709551616', 'a number not below -2^63');

test('parseInteger finds no number in no bytes, also at the end of a buffer', t => {
	t.false(parseInteger(new Uint8Array(0), 0, 0, {lo: 0, hi: 0}));
	t.false(parseInteger(encoder.encode('1'), 1, 1, {lo: 0, hi: 0}));
});

// Flags

const symbols = new SymbolTable(
	{PROT_NONE: 0, PROT_READ: 1, PROT_WRITE: 2, PROT_HIGH: 0x8000_0000},
	{PROT_GROWSUP: -1, MAP_HUGE: 0x1_0000_0001, MADV_USERFAULT: 'uffd_register instead of MADV_USERFAULT'},
);

const flags = test.macro({
	title: (_, text: string, value: string) => `the flags ${text} are ${value}`,
	exec(t, text: string, value: string) {
		// twice: the second time they are remembered
		t.deepEqual(readAll(`${HEADER}mprotect,,,,${text}\nmprotect,,,,${text}\n`, row => argument(row, 2), symbols), [value, value]);
	},
});
test(flags, 'PROT_NONE', '0x0');
test(flags, 'PROT_READ|PROT_WRITE', '0x3');
test(flags, 'PROT_WRITE|0x10|4', '0x16');
test(flags, 'PROT_HIGH', '0x80000000');
test(flags, 'PROT_HIGH|0x100000000', '0x180000000');
test(flags, 'PROT_GROWSUP', '0xffffffffffffffff');
test(flags, 'MAP_HUGE', '0x100000001');
test(flags, '-1', '0xffffffffffffffff');
test(flags, Array(40).fill('PROT_READ').join('|'), '0x1');

test('flags that share a place in the cache keep their own values', t => {
	const values = Array.from({length: 2000}, (_, i) => i % 1000 * 2);
	for (const prefix of ['', '0x', 'PROT_NONE|', 'PROT_NONE|'.repeat(10)]) {
		const text = values.map(value => `mprotect,,,,${prefix}${prefix === '0x' ? value.toString(16) : value}\n`).join('');
		t.deepEqual(readAll(HEADER + text, row => row.lo[2]!, symbols), values);
	}
});

test('names that a row of configuration gives apply from the next row on, also to flags that were read before', t => {
	const values: number[] = [];
	read(`${HEADER}mprotect,,,,A|B\nconfig,,arch,other\nmprotect,,,,A|B\n`, row => {
		if (row.event === EVENT.config) row.symbols = new SymbolTable({A: 4, B: 8});
		else values.push(row.lo[2]!);
	}, new SymbolTable({A: 1, B: 2}));
	t.deepEqual(values, [3, 12]);
});

test('a later record of a symbol table wins, and indexes are those of the distinct names', t => {
	const table = new SymbolTable({A: 1, B: 2}, {A: 3, C: 4});
	const find = (name: string) => table.find(encoder.encode(name), 0, name.length);
	t.deepEqual(['A', 'B', 'C', 'D', ''].map(find), [0, 1, 2, -1, -1]);
	t.deepEqual([...table.lo], [3, 2, 4]);
});

test(refused, 'a flag that has no name', `${HEADER}mprotect,,,,PROT_REED\n`, 't.csv:2:13: expected a known flag, found "PROT_REED"', symbols);
test(refused, 'any flag when there are no names', `${HEADER}mprotect,,,,PROT_READ\n`, 't.csv:2:13: expected a known flag, found "PROT_READ"');
test(refused, 'a flag in lower case', `${HEADER}mprotect,,,,prot_read\n`, 't.csv:2:13: expected a known flag, found "prot_read"', symbols);
test(refused, 'flags that end in a bar', `${HEADER}mprotect,,,,PROT_READ|\n`, 't.csv:2:13: expected a known flag, found "PROT_READ|"', symbols);
test(refused, 'a bar alone', `${HEADER}mprotect,,,,|\n`, 't.csv:2:13: expected a known flag, found "|"', symbols);
test(refused, 'spaces between flags', `${HEADER}mprotect,,,,1 | 2\n`, 't.csv:2:13: expected a number, found "1 | 2"', symbols);
test(refused, 'a flag past 64 bits', `${HEADER}mprotect,,,,1|18446744073709551616\n`,
	't.csv:2:13: expected a number below 2^64, found "1|18446744073709551616"', symbols);
test(refused, 'a flag that is known and not to be used, and says what is', `${HEADER}madvise,,,,MADV_USERFAULT\n`,
	't.csv:2:12: expected uffd_register instead of MADV_USERFAULT, found "MADV_USERFAULT"', symbols);
test(refused, 'a name in place of an address', `${HEADER}mprotect,,PROT_READ\n`, 't.csv:2:11: expected a number, found "PROT_READ"', symbols);

// Rows

test('every event is read by its name, and its id is its index', t => {
	t.is(EVENTS.length, 50);
	t.deepEqual(readAll(HEADER + EVENTS.map(({name}) => `${name}\n`).join(''), row => row.event), EVENTS.map((_, id) => id));
	for (const [id, {name}] of EVENTS.entries()) t.is(EVENT[name], id);
});

test('an empty task is task 1, and an empty argument is 0 and not given', t => {
	t.deepEqual(readAll(`${HEADER}read,,0,,7\nread,3,,\n`, row => [row.task, row.given, ...row.lo, ...row.hi]), [
		[1, 0b101, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0],
		[3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
	]);
});

test('an argument that is text is given and no number', t => {
	t.deepEqual(readAll(`${HEADER}pte,,9,9\nconfig,,ram,16\n`, row => [row.given, row.lo[0], row.lo[1], row.text(0), row.text(1)]), [
		[3, 9, 9, '9', '9'],
		[3, 0, 0, 'ram', '16'],
	]);
});

test('an argument past those of its event is a number or an error', t => {
	t.deepEqual(readAll(`${HEADER}munmap,,1,2,3,4,5,6`, row => [...row.lo]), [[1, 2, 3, 4, 5, 6]]);
	t.throws(() => read(`${HEADER}munmap,,1,2,x`), {message: 't.csv:2:13: expected a number, found "x"'});
});

test('columns are found by name, in any order and among others', t => {
	const text = 'note,result,a1,comm,event,a0\nhello,ok,2,"a ""b""",read,1\n,,4,,write,3\n';
	t.deepEqual(readAll(text, row => [EVENTS[row.event]!.name, row.task, row.lo[0], row.lo[1], row.text(FIELD.result)]), [
		['read', 1, 1, 2, 'ok'],
		['write', 1, 3, 4, ''],
	]);
});

test('a short row after a long one has nothing left of it', t => {
	for (const shortRows of ['fork\nread,,1', '"fork"\n"read",,1']) {
		const rows = readAll(`${HEADER}read,2,1,2,3,4,5,6,ok\n${shortRows}`, row => [row.task, row.given, row.text(FIELD.result)]);
		t.deepEqual(rows, [[2, 63, 'ok'], [1, 0, ''], [1, 1, '']]);
	}
});

test('lines are counted through comments, blank lines and quoted line ends', t => {
	t.deepEqual(readAll(`# a\n\n${HEADER}fork\r\n\r\n#x\nvma,,,,,,,,"a\nb\r\n"\nfork\n`, row => row.line), [4, 7, 10]);
});

test('a quoted row has the same fields as the row without quotes', t => {
	const row = (text: string) => readAll(HEADER + text, r => [r.event, r.task, r.given, [...r.lo], [...r.hi], Object.values(FIELD).map(field => r.text(field))]);
	t.deepEqual(row('"write","2","0x10040000000",1,"-5",,,"",ok'), row('write,2,0x10040000000,1,-5,,,,ok'));
});

test('a row without quotes is read where it stands, also after one with quotes', t => {
	t.deepEqual(readAll(`${HEADER}fork\n"fork"\nfork\n`, row => row.bytes === row.rawBytes), [true, false, true]);
});

test('a handler that returns false gets no more rows, from this chunk or the next', t => {
	let rows = 0;
	const reader = new TraceReader('t.csv', {onRow: () => ++rows < 2});
	t.true(reader.push(encoder.encode(`${HEADER}fork\n`)));
	t.false(reader.push(encoder.encode('fork\nfork\nnonsense')));
	t.false(reader.push(encoder.encode('nonsense\n')));
	reader.end();
	t.is(rows, 2);
});

test('a handler that stops at a row cut in two gets no more rows', t => {
	let rows = 0;
	const reader = new TraceReader('t.csv', {onRow: () => (rows++, false)});
	reader.push(encoder.encode(`${HEADER}fo`));
	t.false(reader.push(encoder.encode('rk\nnonsense\n')));
	reader.end();
	t.is(rows, 1);
});

test('a chunk may be overwritten after push', t => {
	const rows: string[] = [], chunk = new Uint8Array(7);
	const reader = new TraceReader('t.csv', {onRow: row => rows.push(row.text(FIELD.result)) > 0});
	const bytes = encoder.encode(`${HEADER}fork,,,,,,,,2\n"fork",,,,,,,,3`);
	for (let at = 0; at < bytes.length; at += chunk.length) {
		const part = bytes.subarray(at, at + chunk.length);
		chunk.set(part);
		reader.push(chunk.subarray(0, part.length));
	}
	chunk.fill(0);
	reader.end();
	t.deepEqual(rows, ['2', '3']);
});

// Errors and their places

test(refused, 'an empty file', '', 't.csv: expected a header row, found the end of the file');
test(refused, 'a file of comments', '# a\n\n#b', 't.csv: expected a header row, found the end of the file');
test(refused, 'a header without an event column', 'task,a0\n', 't.csv:1:1: expected a header row with the column event, found "task,a0"');
test(refused, 'a row in place of the header', '# x\nfork,1\n', 't.csv:2:1: expected a header row with the column event, found "fork,1"');
test(refused, 'a column named twice', 'event,a0,task,a0\n', 't.csv:1:15: expected each column once, found "a0"');
test(refused, 'an ignored column named twice', '"event","x,y",task,"x,y"\n', 't.csv:1:20: expected each column once, found "x,y"');
test(refused, 'a space before the name of a column', 'event, task\n', 't.csv:1:7: expected a column name without spaces around it, found " task"');
test(refused, 'more columns than anybody has', `event${',x'.repeat(4096)}\n`, 't.csv:1:8196: expected at most 4096 fields, found one more');
test('several columns without a name are no error', t => {
	t.is(readAll('event,,\nfork,1,2\n', row => row.event).length, 1);
});

test(refused, 'an unknown event', `${HEADER}fork\nwriet,,1\n`, 't.csv:3:1: expected an event, found "wriet"');
test(refused, 'an event in upper case', `${HEADER}FORK\n`, 't.csv:2:1: expected an event, found "FORK"');
test(refused, 'a row without an event', `${HEADER},,,,,,,,\n`, 't.csv:2:1: expected an event, found nothing');
test(refused, 'a line of spaces', `${HEADER}  \n`, 't.csv:2:1: expected an event, found "  "');
test(refused, 'a comment that is quoted', `${HEADER}"# x"\n`, 't.csv:2:1: expected an event, found "# x"');
test(refused, 'a space before a comment', `${HEADER} # x\n`, 't.csv:2:1: expected an event, found " # x"');
for (const task of ['0', '-1', '2147483648', '4294967297', 'x', '1 ']) {
	test(refused, `${task} as a task`, `${HEADER}fork,${task}\n`, `t.csv:2:6: expected a task, a number from 1 to 2147483647, found "${task}"`);
}
test('the greatest task is 2147483647', t => t.deepEqual(readAll(`${HEADER}fork,2147483647\nfork,0x2\n`, row => row.task), [2147483647, 2]));

test(refused, 'a row longer than the header', 'event,a0\nexec,1,\n', 't.csv:2:7: expected at most 2 fields, found one more');
test(refused, 'a quote inside a field', `${HEADER}exec,,1"2"\n`, 't.csv:2:8: expected quotes around a whole field, found a quote inside');
test(refused, 'text behind a closing quote', `${HEADER}"exec" ,,1\n`,
	't.csv:2:7: expected a comma or a line end behind the closing quote, found byte 0x20');
test(refused, 'a sign of a comment behind a closing quote', `${HEADER}"exec"#,1\n`,
	't.csv:2:7: expected a comma or a line end behind the closing quote, found "#"');
test(refused, 'a quote that is not closed, and tells where it is', `${HEADER}vma,,,,,,,,"\n1,"\nvmstat,,"x,\n2,\n`,
	't.csv:4:9: expected a closing quote, found none before the end of the file');
test(refused, 'an old line end', `${HEADER}fork\rfork\r`, 't.csv:2:5: expected a line end of LF or CR LF, found CR alone');
test(refused, 'a control character', `${HEADER}fork,\x1b[0m\n`, 't.csv:2:6: expected text in UTF-8, found byte 0x1b');
test(refused, 'a NUL byte in a comment', `${HEADER}# \0\n`, 't.csv:2:3: expected text in UTF-8, found byte 0x00');
test(refused, 'a NUL byte in quotes', `${HEADER}fork,"\n\0"\n`, 't.csv:3:1: expected text in UTF-8, found byte 0x00');
test(refused, 'Latin-1', Uint8Array.of(...encoder.encode(`${HEADER}# `), 0xe9, 0x0a), 't.csv:2:3: expected text in UTF-8, found byte 0xe9');
test(refused, 'a character that the end of the file cuts off', Uint8Array.of(...encoder.encode(`${HEADER}# `), 0xc3),
	't.csv:2:3: expected text in UTF-8, found byte 0xc3');
test(refused, 'a surrogate in UTF-8', Uint8Array.of(...encoder.encode(`${HEADER}# `), 0xed, 0xa0, 0x80),
	't.csv:2:3: expected text in UTF-8, found byte 0xed');
test(refused, 'DEL', `${HEADER}fork,\x7f\n`, 't.csv:2:6: expected text in UTF-8, found byte 0x7f');
test(refused, 'big-endian UTF-16 with a mark', Buffer.from(`\ufeff${HEADER}`, 'utf16le').swap16(),
	't.csv:1:1: expected text in UTF-8, found UTF-16 or UTF-32, or no text (byte 0xfe)');
test(refused, 'UTF-16 with a mark', Buffer.from(`\ufeff${HEADER}`, 'utf16le'),
	't.csv:1:1: expected text in UTF-8, found UTF-16 or UTF-32, or no text (byte 0xff)');
test(refused, 'UTF-16 without a mark', Buffer.from(HEADER, 'utf16le'),
	't.csv:1:2: expected text in UTF-8, found UTF-16 or UTF-32, or no text (byte 0x00)');
test(refused, 'a byte order mark in the middle', `${HEADER}\ufefffork\n`, 't.csv:2:1: expected an event, found "\\ufefffork"');

test('a sequence of bytes is a character to the reader exactly if it is UTF-8', t => {
	const decoder = new TextDecoder('utf-8', {fatal: true});
	const isUtf8 = (bytes: Uint8Array) => {
		try {
			return decoder.decode(bytes) !== '';
		} catch {
			return false;
		}
	};
	// The ends of all ranges that the definition of UTF-8 has for a first byte and for a later one
	const first = [0x80, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff];
	const later = [0x20, 0x7e, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0];
	for (const a of first) for (const b of later) for (const c of later) for (const d of later) {
		const sequence = Uint8Array.of(0x23, a, b, c, d);
		const reader = new TraceReader('t.csv', {onRow: () => true});
		reader.push(encoder.encode(HEADER));
		const refusal = () => (reader.push(sequence), reader.end());
		if (isUtf8(sequence)) t.notThrows(refusal);
		else t.throws(refusal, {instanceOf: TraceError, message: /text in UTF-8, found byte/}, Buffer.from(sequence).toString('hex'));
	}
});

test('columns and lines of fields are those of the input, also in quotes and behind a byte order mark', t => {
	const text = '\ufeffevent,a0,note,a1,result\nread,1,"é,""\n\n",22\n"read",1,,2,x\nfork\n';
	const places = readAll(text, row => [FIELD.a0, FIELD.a1, FIELD.result, FIELD.task].map(field => `${row.lineOf(field)}:${row.column(field)}`));
	t.deepEqual(places, [
		['2:6', '4:3', '4:5', '4:5'],
		['5:8', '5:11', '5:13', '5:14'],
		['6:5', '6:5', '6:5', '6:5'],
	]);
	t.throws(() => read('\ufeffeventt'), {message: /^t\.csv:1:1: .* found "eventt"$/});
});

test('fail and failNotModelled name the place of a field, whatever it contains', t => {
	t.throws(() => read(`${HEADER}vmstat,,"a\n\u202e""${'x'.repeat(100)}"`, row => row.fail(FIELD.a0, 'a counter')),
		{instanceOf: TraceError, message: `t.csv:2:9: expected a counter, found "a\\n\\u202e\\"${'x'.repeat(46)}…"`});
	t.throws(() => read(`${HEADER}mmap,,,,,64`, row => row.failNotModelled(FIELD.a3, 'MAP_32BIT')),
		{instanceOf: NotModelled, message: 't.csv:2:10: not modelled: MAP_32BIT'});
});

test('an error is one line that shows at most 60 characters of what was found', t => {
	for (const text of ['\0'.repeat(100), '\u2028', '"'.repeat(100), '😀'.repeat(100), '\ud800', 'x\r\n\x7f\x9b', 'é'.repeat(100)]) {
		const {message} = new TraceError('a\nb', 3, 0, 'a\tb', quoted(text));
		t.regex(message, /^a\\nb:3: expected a\\tb, found ".*"$/);
		t.notRegex(message, /[\p{C}\p{Zl}\p{Zp}]/u);
		t.true(quoted(text).length <= 60);
	}
	t.is(new TraceError('f', 1, 2, 'x', 'y'.repeat(1000)).message, `f:1:2: expected x, found ${'y'.repeat(60)}…`);
	t.is(quoted('x'.repeat(57)), `"${'x'.repeat(57)}"`);
	t.is(quoted(''), 'nothing');
	const {file, line, column} = new NotModelled('f', 4, 5, 'x');
	t.deepEqual({file, line, column}, {file: 'f', line: 4, column: 5});
});

// Length

test('a record of maxLine bytes is read, with either line end and with none', t => {
	for (const end of ['\n', '\r\n', '']) for (const record of ['fork,,,,,,,x,,,"\n"', '#234567890123456789', 'fork,,,,,,,,,,y,xyz']) {
		const reader = new TraceReader('t.csv', {onRow: () => true}, {maxLine: 19});
		t.notThrows(() => (reader.push(encoder.encode(`event,,,,,,,,,,,,\n${record}${end}`)), reader.end()));
	}
});

test('a record of one byte more is an error, with either line end and with none', t => {
	for (const end of ['\n', '\r\n', '', '\r']) for (const record of ['fork,,,,,,,,,,,"\n"12', '#2345678901234567890', 'fork,,,,,,,,,,y,xyz8']) {
		const reader = new TraceReader('t.csv', {onRow: () => true}, {maxLine: 19});
		const error = t.throws(() => (reader.push(encoder.encode(`event,,,,,,,,,,,,\n${record}${end}`)), reader.end()), {instanceOf: TraceError});
		if (!record.includes('"')) t.is(error.message, 't.csv:2:1: expected a record of at most 19 bytes, found a longer one');
	}
});

const endless = test.macro({
	title: (_, what: string) => `${what} without end is an error after little more than 1 MiB`,
	exec(t, _what: string, beginning: string, piece: string) {
		const reader = new TraceReader('t.csv', {onRow: () => true}), chunk = encoder.encode(piece.repeat(4096));
		reader.push(encoder.encode(HEADER + beginning));
		let pushed = 0;
		const error = t.throws(() => { for (;;) pushed += (reader.push(chunk), chunk.length); }, {instanceOf: TraceError});
		t.regex(error.message, /^t\.csv:2:1: expected a record of at most 1048576 bytes, found a longer one/);
		t.true(pushed <= 1024 * 1024 + chunk.length);
	},
});
test(endless, 'a line', 'fork,', 'x');
test(endless, 'a comment', '#', 'x');
test(endless, 'a quoted field', 'fork,"', 'x,\n""');

// What a row is compared with

test('resultGiven is false for an empty result and for a question mark', t => {
	t.deepEqual(readAll(`${HEADER}fork\nfork,,,,,,,,\nfork,,,,,,,,?\nfork,,,,,,,,2\nfork,,,,,,,,??\n`, row => row.resultGiven()), [false, false, false, true, true]);
});

test('resultInteger reads an integer and nothing else', t => {
	const text = ['0x10000000000', '-14', '18446744073709551615', '-EFAULT', '', '?', '18446744073709551616'].map(result => `brk,,,,,,,,${result}\n`).join('');
	t.deepEqual(readAll(HEADER + text, row => row.resultInteger() && hex(row.resultLo, row.resultHi)),
		['0x10000000000', '0xfffffffffffffff2', '0xffffffffffffffff', false, false, false, false]);
});

test('resultIs and fieldEquals compare whole fields with strings and bytes', t => {
	read(`${HEADER}brk,,12,,,,,,-EFAULT\n`, row => {
		t.true(row.resultIs('-EFAULT'));
		t.true(row.resultIs(encoder.encode('-EFAULT')));
		for (const other of ['-EFAUL', '-EFAULT2', '-EFAULU', '']) {
			t.false(row.resultIs(other));
			t.false(row.resultIs(encoder.encode(other)));
		}
		t.true(fieldEquals(row, FIELD.a0, '12'));
		t.true(fieldEquals(row, FIELD.a1, ''));
		const out = {lo: 0, hi: 0};
		t.true(fieldInteger(row, FIELD.a0, out));
		t.is(out.lo, 12);
	});
});

test('resultSignal reads a signal with its address and without', t => {
	const results = ['SIGBUS', 'SIGBUS@0x10000000123', 'SIGBUS', 'SIGBUS@', 'SIGBUS@x', 'SIGBUS71', 'SIGBOS@1', 'SIGSEGV@1', 'SIG', 'ok', ''];
	t.deepEqual(readAll(HEADER + results.map(result => `exec,,,,,,,,${result}\n`).join(''),
		row => row.resultSignal('SIGBUS') && (row.resultHasAddress ? hex(row.resultLo, row.resultHi) : 'none')),
	['none', '0x10000000123', 'none', ...Array<false>(8).fill(false)]);
});

test('nextWord goes through the words of a result, and again after rewindWords', t => {
	const words = (row: TraceReader) => {
		const all: string[] = [];
		while (row.nextWord()) all.push(Buffer.from(row.bytes.subarray(row.wordStart, row.wordEnd)).toString());
		return all;
	};
	t.deepEqual(readAll(`${HEADER}pte,,,,,,,,present pfn=12 !ksm\npte,,,,,,,,"  a  b "\npte,,,,,,,,\npte\n`, row => {
		const all = words(row);
		row.rewindWords();
		t.deepEqual(words(row), all);
		return all;
	}), [['present', 'pfn=12', '!ksm'], ['a', 'b'], [], []]);
});

// What a tool needs that writes the trace again

test('the raw records and their line ends are the whole input', t => {
	const inputs = [
		`\ufeff# a "\r\n\r\n"event",result,x\n\nfork,"a\r\n"""\r\n\nfork,,é\n#`,
		`${HEADER}fork\r`,
		`${HEADER}fork`,
		'event\n\n',
	];
	for (const input of inputs) for (const size of [1, 5, 1000]) {
		const parts: Buffer[] = [], lengths: number[] = [];
		const take = (row: TraceReader) => {
			parts.push(Buffer.from(row.rawBytes.subarray(row.rawStart, row.rawEnd + row.lineEndLength)));
			lengths.push(row.lineEndLength);
		};
		const handler: RowHandler = {onRow: row => (take(row), true), onComment: row => (t.is(row.event, -1), take(row))};
		const reader = new TraceReader('t.csv', handler), bytes = encoder.encode(input);
		for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
		reader.end();
		t.is(Buffer.concat(parts).toString(), input);
		t.is(lengths.at(-1), {'#': 0, '\r': 1, 'k': 0, '\n': 1}[input.at(-1)!]);
	}
});

test('rawFieldStart and rawFieldEnd are a field with its quotes', t => {
	const raw = (row: TraceReader) => [FIELD.event, FIELD.a0, FIELD.result, FIELD.a5].map(
		field => Buffer.from(row.rawBytes.subarray(row.rawFieldStart(field), row.rawFieldEnd(field))).toString());
	t.deepEqual(readAll('a0,result,event\n1,ok,read\n"1","o,""k""",read\n0x2,,fork\n', raw), [
		['read', '1', 'ok', ''],
		['read', '"1"', '"o,""k"""', ''],
		['fork', '0x2', '', ''],
	]);
	t.deepEqual(readAll('event,note,result\nfork\n"fork",x\nfork,,ok\n', row => [row.fieldCount, row.columnCount, ...raw(row)]), [
		[1, 3, 'fork', '', '', ''],
		[2, 3, '"fork"', '', '', ''],
		[3, 3, 'fork', '', 'ok', ''],
	]);
});

test('a comment handler gets the header when its columns are known', t => {
	const seen: string[] = [];
	const reader = new TraceReader('t.csv', {
		onRow: () => true,
		onComment: row => seen.push(`${row.columnCount} ${row.columnOf[FIELD.result]} ${row.rawEnd - row.rawStart}`),
	});
	reader.push(encoder.encode('# a\nevent,result\n\nfork\n#b'));
	reader.end();
	t.deepEqual(seen, ['0 -1 3', '2 1 12', '2 1 0', '2 1 2']);
});

test('the event table gives each system call the arguments of its kernel function', t => {
	const shape = (name: EventName) => EVENTS[EVENT[name]]!.args.map(kind => kind[0]).join('');
	t.is(shape('mmap'), 'nnffnn');
	t.is(shape('remap_file_pages'), 'nnfnf');
	t.is(shape('mbind'), 'nnfnf');
	t.is(shape('fail_alloc'), 'tn');
	t.true(Object.isFrozen(EVENTS) && EVENTS.every(event => Object.isFrozen(event)) && Object.isFrozen(EVENT));
});
