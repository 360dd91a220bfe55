import {mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {junit} from '../../../tools/lib/formats/junit.ts';
import {tap} from '../../../tools/lib/formats/tap.ts';
import type {Difference, TraceReport} from '../../../tools/lib/report.ts';
import {inRoot, replay, temporaryFolder} from '../../lib/tool.ts';

// Traces of each kind, some in files that nobody should name like that

const TRACE = `event,task,a0,a1,a2,a3,a4,a5,result,note
config,,revision,2014-10
mmap,,0x10000000000,0x2000,PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED,-1,0,0x10000000000
madvise,,0x10000000000,0x1000,MADV_USERFAULT,,,,0
write,,0x10000001000,,5,,,,ok
remap_anon_pages,,0x10000000000,0x10000001000,0x1000,,,,4096
pte,,0x10000000000,1,,,,,present rw data=5
`;
const DIFFERS = `${TRACE}pte,,0x10000000000,1,,,,,ro,"<b>&""# # SKIP \\ ✓"\nrss,,,,,,,,anon=2\n`, BROKEN = `${TRACE}nonsense "]]>" # TODO\n`;
const NAMES = ['plain.csv', 'with space # TODO.csv', 'a<b>&"\'.csv', 'tab\tand\u0001bell\u0007.csv', 'line\nend.csv', 'back\\slash.csv', 'ünï✓😀.csv'];

/** A name that no format has to change. */
function isPlain(name: string): boolean {
	return !/[\0-\x1f]/.test(name);
}

/** Writes traces into a folder. @returns their paths, of which the first agrees, the second differs twice, the third is broken, and so on */
function writeTraces(folder: string): string[] {
	mkdirSync(folder, {recursive: true});
	return NAMES.map((name, i) => {
		const file = path.join(folder, name);
		writeFileSync(file, [TRACE, DIFFERS, BROKEN][i % 3]!);
		return file;
	});
}

// TAP 14

interface Point {
	readonly ok: boolean;
	readonly description: string;
	/** The YAML block, as keys and JSON values. */
	readonly diagnostics: Readonly<Record<string, unknown>> | null;
	readonly subtest: Stream | null;
}

interface Stream {
	readonly points: readonly Point[];
}

/** Reads the lines of one level of TAP 14, strictly: what this does not know is an error. @param indent - spaces in front of each line */
function parseLevel(lines: readonly string[], indent: number): Stream {
	const points: Point[] = [];
	let plan: number | null = null, subtestName: string | null = null, inner: string[] = [];
	for (let i = 0; i < lines.length; i++) {
		const line = lines[i]!;
		if (line.startsWith(`${' '.repeat(indent)}    `)) {
			if (subtestName === null) throw new Error(`a line of a subtest that has not begun: ${line}`);
			inner.push(line);
			continue;
		}
		if (!line.startsWith(' '.repeat(indent))) throw new Error(`wrong indent: ${line}`);
		const text = line.slice(indent), comment = /^# Subtest: (.*)$/.exec(text), planned = /^1\.\.(\d+)$/.exec(text), point = /^(ok|not ok) (\d+) - (.*)$/.exec(text);
		if (comment !== null) {
			if (subtestName !== null) throw new Error(`a subtest inside ${subtestName}`);
			subtestName = comment[1]!;
		} else if (planned !== null) {
			if (plan !== null) throw new Error('two plans');
			plan = Number(planned[1]);
		} else if (point !== null) {
			const description = point[3]!;
			if (Number(point[2]) !== points.length + 1) throw new Error(`point ${point[2]} after ${points.length}`);
			// a # that no backslash escapes begins a directive
			if (/(?<!\\)(?:\\\\)*#/.test(description)) throw new Error(`a directive: ${description}`);
			let diagnostics: Record<string, unknown> | null = null;
			if (lines[i + 1] === `${' '.repeat(indent)}  ---`) {
				const end = lines.indexOf(`${' '.repeat(indent)}  ...`, i);
				if (end < 0) throw new Error('a YAML block without end');
				diagnostics = Object.fromEntries(lines.slice(i + 2, end).map(entry => {
					const [, key, value] = new RegExp(`^ {${indent + 2}}(\\w+): (.+)$`).exec(entry) ?? [];
					return [key ?? entry, JSON.parse(value!) as unknown];
				}));
				i = end;
			}
			const subtest = subtestName === null ? null : parseLevel(inner, indent + 4);
			if (subtestName !== null && subtestName !== description) throw new Error(`subtest ${subtestName} ends in ${description}`);
			if (subtest !== null && subtest.points.every(({ok}) => ok) !== (point[1] === 'ok')) throw new Error(`the point does not say what its subtest does: ${description}`);
			points.push({ok: point[1] === 'ok', description: description.replace(/\\([\\#])/g, '$1'), diagnostics, subtest});
			subtestName = null;
			inner = [];
		} else {
			throw new Error(`no TAP: ${line}`);
		}
	}
	if (plan !== points.length) throw new Error(`planned ${plan}, found ${points.length}`);
	if (subtestName !== null) throw new Error(`a subtest without its point: ${subtestName}`);
	return {points};
}

function parseTap(text: string): Stream {
	const [version, ...lines] = text.split('\n');
	if (version !== 'TAP version 14') throw new Error(`version: ${version}`);
	if (lines.pop() !== '') throw new Error('no line end at the end');
	return parseLevel(lines, 0);
}

test('--format tap is TAP 14: a subtest for each trace, a point for each trace and each difference', async t => {
	const files = writeTraces(temporaryFolder(t)), {status, stdout} = await replay(['--format', 'tap', '--keep-going', ...files]);
	t.is(status, 2);
	const {points} = parseTap(stdout);
	// a description is one line, whatever the name
	t.deepEqual(points.map(({description}) => description).filter((_, i) => isPlain(files[i]!)), files.filter(isPlain));
	t.deepEqual(points.map(({ok}) => ok), files.map((_, i) => i % 3 === 0));
	t.deepEqual(points.map(({subtest}) => subtest!.points.length), files.map((_, i) => [1, 2, 1][i % 3]!));
	const [agrees, differs, broken] = points.map(({subtest}) => subtest!.points) as [readonly Point[], readonly Point[], readonly Point[]];
	t.deepEqual(agrees, [{ok: true, description: '5 rows agree', diagnostics: null, subtest: null}]);
	t.deepEqual(differs.map(({ok, description}) => ({ok, description})), [
		{ok: false, description: `${files[1]}:8: pte: recorded ro, model rw`},
		{ok: false, description: `${files[1]}:9: rss: recorded anon=2, model anon=1`},
	]);
	t.deepEqual(differs[0]!.diagnostics, {
		row: 'pte,,0x10000000000,1,,,,,ro,"<b>&""# # SKIP \\ ✓"',
		word: 'ro',
		recorded: 'ro',
		model: 'rw',
		address: '0x10000000000',
		because: [],
		since: 'line 6: remap_anon_pages,,0x10000000000,0x10000001000,0x1000,,,,4096',
	});
	t.false(broken[0]!.ok);
	t.is(broken[0]!.description, `${files[2]}:8:10: expected quotes around a whole field, found a quote inside`);
});

test('TAP of no trace is a plan of none, and a checker that finds nothing wrong is no checker', t => {
	const format = tap();
	t.deepEqual(parseTap(`${format.begin!()}${format.end!([])}`), {points: []});
	const wrong = ['ok 1 - a\n1..1\n', 'TAP version 14\nok 1 - a\n', 'TAP version 14\nok 2 - a\n1..1\n', 'TAP version 14\n1..1\n', 'TAP version 14\nok 1 - a # SKIP\n1..1\n', 'TAP version 14\nfoo\n1..0\n',
		'TAP version 14\n# Subtest: a\n    not ok 1 - x\n    1..1\nok 1 - a\n1..1\n', 'TAP version 14\n# Subtest: a\n    ok 1 - x\n    1..1\nok 1 - b\n1..1\n', 'TAP version 14\n    ok 1 - x\n1..0\n'];
	for (const text of wrong) t.throws(() => parseTap(text), undefined, text);
	t.notThrows(() => parseTap('TAP version 14\n# Subtest: a\n    ok 1 - x\n    1..1\nok 1 - a\n1..1\n'));
});

test('the diagnostics of a TAP point name the decisions', async t => {
	const {stdout} = await replay(['--format', 'tap', '-'], {stdin: TRACE.replace(',4096,', ',0,').replace(',4096\n', ',-EFAULT\n')});
	const point = parseTap(stdout).points[0]!.subtest!.points[0]!;
	t.is(point.description, '-:6: remap_anon_pages: recorded -EFAULT, model 4096');
	t.deepEqual(point.diagnostics!['because'], ['rap_page_moved: the page moves: it takes the anon_vma and the index of the destination, and a new entry']);
});

// JSON lines

const REPORT_FIELDS = ['file', 'status', 'revision', 'rows', 'differences', 'error'];
const DIFFERENCE_FIELDS = ['line', 'event', 'row', 'task', 'word', 'recorded', 'model', 'address', 'reasons', 'setBy', 'surroundings', 'note'];

test('--format json is one object a line and trace, with the documented fields and no others', async t => {
	const files = writeTraces(temporaryFolder(t)), {stdout} = await replay(['--format', 'json', '--keep-going', ...files]);
	t.true(stdout.endsWith('\n'));
	const reports = stdout.trimEnd().split('\n').map(line => JSON.parse(line) as TraceReport);
	t.deepEqual(reports.map(({file}) => file), files);
	for (const report of reports) {
		t.deepEqual(Object.keys(report), REPORT_FIELDS);
		for (const difference of report.differences) t.deepEqual(Object.keys(difference), DIFFERENCE_FIELDS);
	}
	const [agrees, differs, broken] = reports as [TraceReport, TraceReport, TraceReport];
	t.deepEqual(agrees, {file: files[0]!, status: 0, revision: '2014-10', rows: 5, differences: [], error: null});
	t.deepEqual([differs.status, differs.rows, differs.error], [1, 7, null]);
	const move = {
		decision: 'rap_page_moved', why: 'the page moves: it takes the anon_vma and the index of the destination, and a new entry',
		source: 'mm/fremap.c:remap_anon_pages_pte()', letter: 'P',
	};
	const [first, second] = differs.differences as [Difference, Difference];
	t.deepEqual({...first, surroundings: null}, {
		line: 8, event: 'pte', row: 'pte,,0x10000000000,1,,,,,ro,"<b>&""# # SKIP \\ ✓"', task: 1, word: 'ro', recorded: 'ro', model: 'rw', address: '0x10000000000', reasons: [],
		setBy: {line: 6, text: 'remap_anon_pages,,0x10000000000,0x10000001000,0x1000,,,,4096', reasons: [move]}, surroundings: null, note: null,
	});
	t.is(first.surroundings!.line, 6);
	t.true(first.surroundings!.before.includes('pte 0x10000000000 none'));
	t.true(first.surroundings!.after.some(line => line.startsWith('pte 0x10000000000 present base rw dirty')));
	t.deepEqual(second, {
		line: 9, event: 'rss', row: 'rss,,,,,,,,anon=2', task: 1, word: 'anon', recorded: 'anon=2', model: 'anon=1', address: null, reasons: [],
		setBy: {line: 5, text: 'write,,0x10000001000,,5,,,,ok', reasons: []}, surroundings: null, note: null,
	});
	t.deepEqual([broken.status, broken.rows, broken.differences], [2, 5, []]);
	t.is(broken.error, `${files[2]}:8:10: expected quotes around a whole field, found a quote inside`);
});

test('the README documents each field of --format json', t => {
	const readme = readFileSync(inRoot('README.md'), 'utf8'), paragraph = /A line of `--format json`[\s\S]*?\n\n/.exec(readme)![0];
	t.deepEqual([...REPORT_FIELDS, ...DIFFERENCE_FIELDS, 'decision', 'why', 'source', 'letter', 'text', 'before', 'after'].filter(field => !paragraph.includes(`\`${field}\``)), []);
});

// JUnit

interface Element {
	readonly name: string;
	readonly attributes: Readonly<Record<string, string>>;
	readonly children: readonly Element[];
	readonly text: string;
}

const ENTITIES: Readonly<Record<string, string>> = {amp: '&', lt: '<', gt: '>', quot: '"', apos: '\''};

/** Text without its entities. A character that XML 1.0 cannot hold, raw or by number, is an error. */
function unescaped(text: string): string {
	if (/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u.test(text) || text.includes('<')) throw new Error(`not XML: ${JSON.stringify(text)}`);
	return text.replace(/&([^;]*);?/g, (whole, name: string) => {
		const number = /^#(\d+)$/.exec(name)?.[1], character = number === undefined ? ENTITIES[name] : String.fromCodePoint(Number(number));
		if (character === undefined || !whole.endsWith(';') || (number !== undefined && !/[\t\n\r\u0020-\uFFFD]/.test(character))) throw new Error(`not XML: ${whole}`);
		return character;
	});
}

/** Reads a document of elements, attributes and text; everything else is an error. */
function parseXml(document: string): Element {
	const head = '<?xml version="1.0" encoding="UTF-8"?>\n';
	if (!document.startsWith(head)) throw new Error('no declaration');
	const stack: {name: string, attributes: Record<string, string>, children: Element[], text: string}[] = [{name: '', attributes: {}, children: [], text: ''}];
	const token = /<(\/?)(\w+)((?: \w+="[^"]*")*)(\/?)>|([^<]+)/gy;
	token.lastIndex = head.length;
	while (token.lastIndex < document.length) {
		const at = token.lastIndex, [, closes, name, attributes, empty, text] = token.exec(document) ?? [];
		if (text !== undefined) {
			stack.at(-1)!.text += unescaped(text);
		} else if (name === undefined) {
			throw new Error(`not XML at ${at}: ${document.slice(at, at + 40)}`);
		} else if (closes === '/') {
			if (stack.pop()!.name !== name) throw new Error(`</${name}> does not close what is open`);
		} else {
			const pairs = [...attributes!.matchAll(/ (\w+)="([^"]*)"/g)].map(([, key, value]) => [key!, unescaped(value!)] as const);
			const element = {name, attributes: Object.fromEntries(pairs), children: [], text: ''};
			if (Object.keys(element.attributes).length !== pairs.length) throw new Error(`an attribute twice in ${name}`);
			stack.at(-1)!.children.push(element);
			if (empty !== '/') stack.push(element);
		}
	}
	const [all, ...open] = stack;
	if (open.length > 0 || all!.children.length !== 1) throw new Error('not one element that is closed');
	return all!.children[0]!;
}

test('--format junit is well-formed XML with a test case a trace, also for file names that XML cannot hold', async t => {
	const files = writeTraces(temporaryFolder(t)), {status, stdout} = await replay(['--format', 'junit', '--keep-going', ...files]);
	t.is(status, 2);
	const suites = parseXml(stdout), [suite] = suites.children, cases = suite!.children;
	t.is(suites.name, 'testsuites');
	t.deepEqual(suites.attributes, {tests: '7', failures: '2', errors: '2'});
	t.deepEqual(suite!.attributes, {name: 'replay', tests: '7', failures: '2', errors: '2'});
	t.deepEqual(cases.map(({name}) => name), files.map(() => 'testcase'));
	// what XML 1.0 has no place for is a question mark
	t.deepEqual(cases.map(({attributes}) => attributes['name']), files.map(file => file.replace(/[\u0001\u0007]|😀/g, found => '?'.repeat(found.length))));
	t.deepEqual(cases.map(({attributes}) => attributes['assertions']), files.map((_, i) => ['5', '7', '5'][i % 3]));
	t.deepEqual(cases.map(({children}) => children.map(({name}) => name).join()), files.map((_, i) => ['', 'failure,failure', 'error'][i % 3]));
	const [failure] = cases[1]!.children, [error] = cases[2]!.children;
	t.deepEqual(failure!.attributes, {type: 'ro', message: `${files[1]}:8: pte: recorded ro, model rw`});
	t.is(failure!.text, 'pte,,0x10000000000,1,,,,,ro,"<b>&""# # SKIP \\ ✓"\nrap_page_moved: the page moves: it takes the anon_vma and the index of the destination, and a new entry');
	t.deepEqual(error!.attributes, {type: 'unusable input', message: `${files[2]}:8:10: expected quotes around a whole field, found a quote inside`});
});

test('JUnit of any text is well-formed, and a checker that finds nothing wrong is no checker', t => {
	const text = `${Array.from({length: 0x300}, (_, i) => String.fromCharCode(i)).join('')}\ud800\udfff\ufffe\uffff😀]]><!-- &amp; -->`;
	const report: TraceReport = {file: text, status: 3, revision: text, rows: 0, differences: [], error: text};
	const [testCase] = parseXml(junit().end!([report])).children[0]!.children;
	t.is(testCase!.children[0]!.attributes['type'], 'model bug');
	t.true(testCase!.attributes['name']!.includes('\t\n'));
	t.true(testCase!.attributes['name']!.endsWith(']]><!-- &amp; -->'));
	const head = '<?xml version="1.0" encoding="UTF-8"?>\n';
	for (const wrong of ['<a/>', `${head}<a>`, `${head}<a></b>`, `${head}<a b="<"/>`, `${head}<a>&</a>`, `${head}<a>&#1;</a>`, `${head}<a>\u0001</a>`, `${head}<a b="1" b="2"/>`, `${head}<a/><b/>`, `${head}<a b=1/>`]) {
		t.throws(() => parseXml(wrong), undefined, wrong);
	}
	t.deepEqual(parseXml(`${head}<a b="&lt;&#10;">x&amp;<c/></a>`), {name: 'a', attributes: {b: '<\n'}, children: [{name: 'c', attributes: {}, children: [], text: ''}], text: 'x&'});
});

// For people

const plainNames = test.macro({
	title: (_, format: string) => `no file name can make --format ${format} print a control character of a terminal`,
	async exec(t, format: string) {
		const {stdout, stderr} = await replay(['--format', format, '--keep-going', ...writeTraces(temporaryFolder(t))]);
		t.notRegex(stdout + stderr, /[\0-\x08\x0b-\x1f\x7f]/);
	},
});
test(plainNames, 'json');
test(plainNames, 'junit');
test(plainNames, 'text');
test(plainNames, 'tap');
