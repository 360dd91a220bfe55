import {existsSync, readFileSync, readdirSync} from 'node:fs';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {CsvError, parse, type Options} from 'csv-parse/sync';
import {TraceError} from '../../../tools/lib/errors.ts';
import {EVENT, EVENTS, type ArgumentKind, type EventName} from '../../../kernel/events.ts';
import {FIELD, SymbolTable, TraceReader} from '../../../tools/lib/scan.ts';

type FieldName = keyof typeof FIELD;
const FIELDS = Object.keys(FIELD) as FieldName[];
const ARGUMENTS = FIELDS.slice(0, 6);
type Symbols = Readonly<Record<string, number>>;
const SYMBOLS: Symbols = {PROT_NONE: 0, PROT_READ: 1, PROT_WRITE: 2, MADV_FREE: 8, MAP_HUGE: 0x8000_0000, MAP_ALL: -1};
/** A row in the form in which it is compared: line, event, task, the arguments' values (`-` for text), the fields; joined by `;`. */
type Row = string;
/** All rows of a trace, or that it is none. */
type Outcome = readonly Row[] | 'refused';

// The reference: csv-parse, and the contract's rules for files and fields written a second time, with strings and BigInt

const DELIMITERS = {record_delimiter: ['\n', '\r\n']} satisfies Options;
const REFERENCE = {
	...DELIMITERS, comment: '#', comment_no_infix: true, relax_column_count_less: true, skip_empty_lines: true, bom: true, info: true,
} satisfies Options;

/** The reference refuses the trace. */
class Refused extends Error {}

function demand(condition: boolean): asserts condition {
	if (!condition) throw new Refused();
}

/** Where csv-parse takes any bytes as text, the contract takes UTF-8 without control characters. */
function decode(bytes: Uint8Array): string {
	try {
		const text = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true}).decode(bytes);
		demand(!/[\0-\x08\v\f\x0e-\x1f\x7f]/.test(text));
		// A file may have been cut inside its last CR LF; csv-parse would have that CR in the last field
		return text.replace(/\r$/, '');
	} catch {
		throw new Refused();
	}
}

/**
 * Demands what csv-parse lets through in a record without its line end: a CR alone outside of quotes, which it takes for text, and, only
 * because comments are asked for, `"a"#b`, which RFC 4180 does not know.
 */
function demandStrict(record: string): void {
	if (!/["\r]/.test(record)) return;
	parse(record, {...DELIMITERS, relax_column_count: true, cast: (value, {quoting}) => {
		demand(quoting || !value.includes('\r'));
		return value;
	}});
}

interface CsvRecord {
	readonly line: number;
	readonly fields: readonly string[];
}

/**
 * Reads all records; csv-parse throws where it throws. Its own count of lines takes a quoted CR LF for two, so lines are counted up to
 * the byte that it reports.
 */
function csvRecords(text: string): CsvRecord[] {
	const bytes = Buffer.from(text);
	let from = 0, line = 1;
	return (parse(text, REFERENCE) as unknown as {record: string[]; info: {bytes: number}}[]).map(({record: fields, info}) => {
		const part = bytes.subarray(from, info.bytes).toString();
		const skipped = (from === 0 ? /^\ufeff?(?:(?:#[^\n]*)?\r?\n)*/ : /^(?:(?:#[^\n]*)?\r?\n)*/).exec(part)![0];
		demandStrict(part.slice(skipped.length).replace(/\r?\n$/, ''));
		const record = {line: line + count(skipped, '\n'), fields};
		line += count(part, '\n');
		from = info.bytes;
		return record;
	});
}

function count(text: string, character: string): number {
	return text.split(character).length - 1;
}

function referenceNumber(text: string): bigint {
	demand(/^(-?\d+|0[xX][\da-fA-F]+)$/.test(text));
	const value = BigInt(text);
	demand(value >= -(2n ** 63n) && value < 2n ** 64n);
	return BigInt.asIntN(64, value);
}

function referenceArgument(text: string, kind: ArgumentKind, symbols: Symbols): string {
	if (kind === 'text') return '-';
	if (text === '') return '0';
	if (kind === 'number') return String(referenceNumber(text));
	return String(text.split('|').reduce((flags, name) => {
		const value = symbols[name];
		return flags | (value === undefined ? referenceNumber(name) : BigInt(value));
	}, 0n));
}

function referenceTask(text: string): string {
	if (text === '') return '1';
	const task = referenceNumber(text);
	demand(task >= 1n && task < 2n ** 31n);
	return String(task);
}

function referenceRows(text: string, symbols: Symbols): Row[] {
	const [header, ...records] = csvRecords(text);
	demand(header !== undefined);
	const columns = header.fields, named = columns.filter(name => name !== '');
	demand(columns.includes('event') && new Set(named).size === named.length);
	demand(!columns.some(name => name !== name.trim() && Object.hasOwn(FIELD, name.trim())));
	return records.map(({line, fields}) => {
		const field = (name: FieldName) => fields[columns.indexOf(name)] ?? '', name = field('event');
		demand(Object.hasOwn(EVENT, name));
		const {args} = EVENTS[EVENT[name as EventName]]!;
		const values = ARGUMENTS.map((argument, i) => referenceArgument(field(argument), args[i] ?? 'number', symbols));
		return [line, name, referenceTask(field('task')), ...values, ...FIELDS.map(field)].join(';');
	});
}

function reference(bytes: Uint8Array, symbols: Symbols): Outcome {
	try {
		return referenceRows(decode(bytes), symbols);
	} catch (error) {
		if (error instanceof Refused || error instanceof CsvError) return 'refused';
		throw error;
	}
}

// The scanner

interface Scanned {
	readonly outcome: Outcome;
	/** What there was until the end or the error, and the error: it must not depend on the chunks. */
	readonly history: readonly string[];
}

function scannedRow(row: TraceReader): Row {
	const {name, args} = EVENTS[row.event]!;
	const values = ARGUMENTS.map((_, i) => args[i] === 'text' ? '-' : String(BigInt(row.hi[i]!) << 32n | BigInt(row.lo[i]! >>> 0)));
	return [row.line, name, row.task, ...values, ...FIELDS.map(field => row.text(FIELD[field]))].join(';');
}

/** @param cuts - where the input is cut into chunks */
function scan(bytes: Uint8Array, cuts: readonly number[], symbols: Symbols, maxLine = 1024 * 1024): Scanned {
	const rows: Row[] = [], reader = new TraceReader('f', {onRow: row => rows.push(scannedRow(row)) > 0}, {maxLine});
	reader.symbols = new SymbolTable(symbols);
	try {
		let from = 0;
		for (const to of [...cuts, bytes.length]) {
			reader.push(bytes.subarray(from, to));
			from = to;
		}
		reader.end();
		return {outcome: rows, history: rows};
	} catch (error) {
		if (!(error instanceof TraceError) || !/^f(:\d+:\d+)?: expected [ -~]+, found \P{C}+$/u.test(error.message)) throw error;
		return {outcome: 'refused', history: [...rows, error.message]};
	}
}

function sameAsReference(t: ExecutionContext, bytes: Uint8Array, cuts: readonly number[], about: string, symbols = SYMBOLS): Outcome {
	const {outcome} = scan(bytes, cuts, symbols);
	// One comparison of strings: a deepEqual for each row would take minutes
	t.is(JSON.stringify(outcome), JSON.stringify(reference(bytes, symbols)), about);
	return outcome;
}

const HEADER = 'event,task,a0,a1,a2,a3,a4,a5,result\n';
const TRACES = {
	'plain rows': `${HEADER}mmap,,0x10000000000,0x4000,PROT_READ|PROT_WRITE,1|MAP_HUGE,-1,0,0x10000000000\nwrite,2,0x10000000000,1,5,,,,ok\n`,
	'CR LF': `${HEADER}fork,,,,,,,,2\nread,2,1\n`.replaceAll('\n', '\r\n'),
	'both line ends, and none at the end': `${HEADER}fork,,,,,,,,2\r\nfork\nread,2,1,,,,,,ok`,
	'a CR at the end': `${HEADER}fork,,,,,,,,2\r`,
	'quotes': `"event","task",a0,"result"\n"read","2",1,"a ""b"", c"\n"read",,"0x10",""\nread,,1,"#"\n`,
	'line ends in quotes': `event,note,a0\nread,"1\n2\r\n\n#3\n",4\n"read","\r\n",5\nread,"\r",6\nfork\n`,
	'columns in another order, and others': 'note,result,time,a5,a4,a3,a2,a1,a0,comm,task,event\nx,ok,1.5,,,,7,2,1,"a,b",3,write\n,ok,1.5,,,,7,2,1,é😀,3,read\n',
	'short rows': `${HEADER}fork\nread,2\nread,,1\nread,,,\nsyscall,1,2,3,4,5,6,7\n`,
	'comments': `# a, "b\n#\n${HEADER}#fork\nfork\n# "\r\n#\r\nfork,,,,,,,,#2\n# a\rb\n#`,
	'blank lines': `\n\r\n${HEADER}\n\nfork\n\r\n\r\nfork\n\n`,
	'a byte order mark': `\ufeff${HEADER}fork\n`,
	'a byte order mark before a comment with a quote': `\ufeff# "\n${HEADER}fork\n`,
	'a byte order mark before a blank line': `\ufeff\n${HEADER}fork\n`,
	'a byte order mark before a quote': '\ufeff"note\n",event\n,fork\n',
	'no rows': HEADER,
	'a header alone': 'event',
	'unnamed columns': 'event,,\nfork,x,"\n"\nfork\n',
} as const satisfies Readonly<{[what: string]: string}>;

const NO_TRACES = {
	'an empty file': '',
	'a byte order mark alone': '\ufeff',
	'comments alone': '# a\n#',
	'a row too long': 'event,a0\nfork\nexec,1,\n',
	'a row too long by a quoted field': 'event,a0\nfork\nexec,1,"\n"\n',
	'a quote inside a field': `${HEADER}fork\nfork,,x"y"\n`,
	'a space before a quote': `${HEADER}fork\nfork, "2"\n`,
	'text behind a quote': `${HEADER}fork\n"fork"x,2\nfork\n`,
	'a comment behind a quote': `${HEADER}fork\n"fork"#x\n`,
	'a quote not closed': `${HEADER}fork\nvma,"2\nfork\n`,
	'a quote not closed at the end': `${HEADER}fork\n"`,
	'old line ends': `${HEADER}fork\nfork\rfork\r`,
	'a CR in a row': `${HEADER}fork,,,,,,,,a\rb\n`,
	'two CR': `${HEADER}fork\r\r\n`,
	'a control character behind a quote': `${HEADER}fork\n"fork","\x01"\n`,
	'a control character in a long comment': `${HEADER}# ${'x'.repeat(20)}\x01\n`,
	'an unknown event in quotes': `${HEADER}fork\n"a\nb"\n`,
	'a column named twice': 'event,x,x\nfork\n',
} as const satisfies Readonly<{[what: string]: string}>;

for (const [what, text] of Object.entries(TRACES)) {
	test(`the scanner reads ${what} as csv-parse does`, t => {
		t.not(sameAsReference(t, Buffer.from(text), [], text), 'refused');
	});
}
for (const [what, text] of Object.entries(NO_TRACES)) {
	test(`the scanner refuses ${what}, as csv-parse or the contract does`, t => {
		t.is(sameAsReference(t, Buffer.from(text), [], text), 'refused');
	});
}

test('any two chunks of a text, and any bytes one by one, give the same rows and the same error', t => {
	for (const text of [...Object.values(TRACES), ...Object.values(NO_TRACES)]) for (const maxLine of [1024, 40, 12]) {
		const bytes = Buffer.from(text), {history} = scan(bytes, [], SYMBOLS, maxLine);
		const allCuts = Array.from({length: bytes.length + 1}, (_, cut) => [cut]);
		for (const cuts of [...allCuts, Array.from(bytes.keys())]) {
			t.deepEqual(scan(bytes, cuts, SYMBOLS, maxLine).history, history, `${JSON.stringify(text)}, cut at ${cuts}`);
		}
	}
});

// Random files

/** A sequence of numbers that a seed repeats. */
class Random {
	private state: number;

	constructor(seed: number) {
		this.state = seed | 0;
	}

	/** @returns an integer from 0 to `limit` - 1 */
	below(limit: number): number {
		// xorshift from a Weyl sequence: each seed differs from its neighbours from the first number on
		this.state = this.state + 0x9e3779b9 | 0;
		let value = Math.imul(this.state ^ this.state >>> 16, 0x85ebca6b);
		value = Math.imul(value ^ value >>> 13, 0xc2b2ae35);
		return ((value ^ value >>> 16) >>> 0) % limit;
	}

	/** @returns true once in `times` */
	once(times: number): boolean {
		return this.below(times) === 0;
	}

	pick<T>(list: readonly T[]): T {
		return list[this.below(list.length)]!;
	}

	list<T>(length: number, make: () => T): T[] {
		return Array.from({length}, make);
	}
}

const NUMBERS = ['0', '-0', '1', '-1', '007', '4294967295', '4294967296', '-4294967296', '-9223372036854775808', '18446744073709551615',
	'0x0', '0xFFFFffff', '0x100000000', '0xffffffffffffffff', '0x00000000000000000000001'];
const BAD_NUMBERS = ['-9223372036854775809', '18446744073709551616', '0x10000000000000000', '0x', '-', '+1', ' 1', '1 ', '-0x1', '1e3', '0b1', '1_0', '١'];
const TEXT_PARTS = ['a', 'present', ' ', 'é', '😀', '\ufeff', '=', '#', '|', '\t', '"', ',', '\n', '\r\n', '\r'];
const EDITS = ['"', ',', '\n', '\r', '#', ' ', '0', '|', '-', 'x', 'é', '\0', '\x7f', '\ufeff', '""', '","'];

function randomArgument(random: Random, kind: ArgumentKind): string {
	if (random.once(3)) return '';
	if (random.once(150)) return random.pick(BAD_NUMBERS);
	if (kind === 'text') return randomText(random);
	const number = random.once(2) ? random.pick(NUMBERS) : String(random.below(2 ** 32) * random.below(2 ** 22));
	if (kind === 'number' || random.once(4)) return number;
	return [...random.list(1 + random.below(3), () => random.pick(Object.keys(SYMBOLS))), ...random.once(3) ? [number] : []].join('|');
}

function randomText(random: Random): string {
	return random.list(random.below(5), () => random.pick(TEXT_PARTS)).join('');
}

function quotedIfNeeded(random: Random, text: string): string {
	return random.once(15) || /["\r\n,]|^#/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function randomRecord(random: Random, columns: readonly string[]): string {
	const {name, args} = random.pick(EVENTS);
	const fields = columns.map(column => {
		const i = (ARGUMENTS as string[]).indexOf(column);
		if (column === 'event') return random.once(200) ? randomText(random) : name;
		if (column === 'task') return random.once(100) ? random.pick(NUMBERS) : random.pick(['', '1', '2', '0x3']);
		return i < 0 ? randomText(random) : randomArgument(random, args[i] ?? 'number');
	});
	const last = columns.indexOf('event');
	while (fields.length > last + 1 && random.once(3)) fields.pop();
	if (random.once(200)) fields.push(...random.list(columns.length, () => ''));
	return fields.map(text => quotedIfNeeded(random, text)).join(',');
}

function randomFile(random: Random): Uint8Array {
	const columns: string[] = random.once(2) ? ['event', 'task', ...ARGUMENTS, 'result'] : ['event', 'task', ...ARGUMENTS, 'result', 'note', 'time', '']
		.map(column => ({column, key: random.below(1000)})).sort((a, b) => a.key - b.key).map(({column}) => column).slice(random.below(3));
	const comments = () => random.list(random.once(4) ? 2 : 0, () => random.once(2) ? '' : `#${randomText(random).replaceAll('\n', '')}`);
	const lines = [...comments(), columns.map(name => quotedIfNeeded(random, name)).join(',')];
	for (let rows = random.below(12); rows > 0; rows--) lines.push(...comments(), randomRecord(random, columns));
	let text = (random.once(4) ? '\ufeff' : '') + lines.map(line => line + (random.once(3) ? '\r\n' : '\n')).join('');
	if (random.once(3)) text = text.replace(/\r?\n$/, '');
	for (let edits = random.once(2) ? random.below(4) : 0; edits > 0; edits--) {
		const at = random.below(text.length + 1);
		text = text.slice(0, at) + (random.once(3) ? '' : random.pick(EDITS)) + text.slice(at + random.below(3));
	}
	return Buffer.from(text);
}

function randomCuts(random: Random, length: number): number[] {
	return random.list(random.below(6), () => random.below(length + 1)).sort((a, b) => a - b);
}

/** `SCAN_SEED` chooses another first seed, `SCAN_FILES` how many files each test makes. */
const FIRST_SEED = Number(process.env['SCAN_SEED'] ?? 1), FILES = Number(process.env['SCAN_FILES'] ?? 2000);

test('random files are rows, or none, to the scanner and to csv-parse alike', t => {
	t.timeout(600_000);
	let read = 0;
	for (let seed = FIRST_SEED; seed < FIRST_SEED + FILES; seed++) {
		const random = new Random(seed), bytes = randomFile(random), cuts = randomCuts(random, bytes.length);
		if (sameAsReference(t, bytes, cuts, `SCAN_SEED=${seed}: ${JSON.stringify(bytes.toString())}, cut at ${cuts}`) !== 'refused') read++;
	}
	// Otherwise the files say little
	t.true(read > FILES / 4 && read < FILES * 3 / 4, `${read} of ${FILES} files are traces`);
});

test('random files give the same rows and the same error however they are cut, with any maxLine', t => {
	t.timeout(600_000);
	for (let seed = FIRST_SEED; seed < FIRST_SEED + FILES; seed++) {
		const random = new Random(seed), bytes = randomFile(random), maxLine = 1 + random.below(100);
		const {history} = scan(bytes, [], SYMBOLS, maxLine), cuts = randomCuts(random, bytes.length);
		const about = `SCAN_SEED=${seed}: ${JSON.stringify(bytes.toString())}, cut at ${cuts}, maxLine ${maxLine}`;
		t.deepEqual(scan(bytes, cuts, SYMBOLS, maxLine).history, history, about);
	}
});

test('random bytes are rows or a TraceError of one printable line, as csv-parse and the contract say', t => {
	t.timeout(600_000);
	const beginnings = ['', HEADER, 'event\n', '\ufeff', 'event,a0\n"fork","'];
	for (let seed = FIRST_SEED; seed < FIRST_SEED + FILES; seed++) {
		const random = new Random(seed), special = Buffer.from('",\n\r#f|-x0é \ufeff');
		const byte = random.once(2) ? () => random.below(256) : () => random.pick([...special]);
		const bytes = Buffer.concat([Buffer.from(random.pick(beginnings)), Buffer.from(random.list(random.below(60), byte))]);
		sameAsReference(t, bytes, randomCuts(random, bytes.length), `SCAN_SEED=${seed}: ${bytes.toString('hex')}`);
	}
});

for (const directory of ['traces', '../shared/recorded']) {
	test(`every trace under ${directory} is the same to the scanner and to csv-parse`, t => {
		if (!existsSync(directory)) {
			t.log(`skipped: there is no ${directory}`);
			t.pass();
			return;
		}
		t.timeout(300_000);
		const files = readdirSync(directory, {recursive: true, encoding: 'utf8'}).filter(file => file.endsWith('.csv'));
		for (const file of files) {
			const bytes = readFileSync(join(directory, file));
			// Which names there are, and for what they stand, is not the scanner's concern
			const names = new Set(bytes.toString('latin1').match(/\b(?:PROT|MAP|MADV|MREMAP|MS|MCL|MPOL|RAP|UFFDIO)_\w+/g));
			const symbols = Object.fromEntries([...names].map((name, i) => [name, 2 ** (i % 32)]));
			const cuts = Array.from({length: Math.floor(bytes.length / 65536)}, (_, i) => (i + 1) * 65536);
			t.not(sameAsReference(t, bytes, cuts, file, symbols), 'refused', file);
		}
		t.log(`${files.length} traces`);
		t.pass();
	});
}
