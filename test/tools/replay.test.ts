import {spawn} from 'node:child_process';
import {mkdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import {gzipSync} from 'node:zlib';
import test from 'ava';
import {parse} from 'csv-parse/sync';
import {KernelBug, ModelBug} from '../../include/linux/bug.ts';
import {decisionNames} from '../../include/linux/decisions.ts';
import {PageTables} from '../../include/linux/machine.ts';
import {Observer} from '../../tools/lib/check.ts';
import {ended, inRoot, plainEnvironment, recorded, replay, replayCommand, reports, run, temporaryFile, temporaryFolder, tracesBelow, traceText} from '../lib/tool.ts';

const HEADER = 'event,task,a0,a1,a2,a3,a4,a5,result';

/** A page is filled, moves into a userfault range, is shared by a child; another one is swapped out. Every result is recorded. */
const LINES = [
	HEADER,
	'# a page moves into a userfault range',
	'config,,revision,2014-10',
	'config,,swap,16',
	'mmap,,0x10000000000,0x4000,PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED,-1,0,0x10000000000',
	'mmap,,0x20000000000,0x2000,PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED,-1,0,0x20000000000',
	'madvise,,0x10000000000,0x4000,MADV_USERFAULT,,,,0',
	'read,,0x10000001000,,,,,,SIGBUS@0x10000001000',
	'write,,0x20000000000,0x2000,42,,,,ok',
	'pte,,0x20000000000,2,,,,,present rw pfn=1 data=42',
	'remap_anon_pages,,0x10000001000,0x20000000000,0x1000,,,,4096',
	'pte,,0x10000001000,1,,,,,present rw pfn=1 data=42',
	'swap_out,,0x20000001000,0x1000',
	'pte,,0x20000001000,1,,,,,swap entry=1 swapcount=1',
	'fork,,,,,,,,2',
	'read,2,0x10000001000,,42,,,,ok',
	'rss,2,,,,,,,anon=1 file=0 swap=1',
	'exit,2',
];
const TRACE = `${LINES.join('\n')}\n`;

/** The trace with other lines, by their numbers. */
function withLines(changes: Readonly<Record<number, string>>): string {
	return `${LINES.map((line, i) => changes[i + 1] ?? line).join('\n')}\n`;
}

const DIFFERS = withLines({11: LINES[10]!.replace('4096', '0')}), BROKEN = `${TRACE}nonsense\n`;

// How results are printed

test('by default a trace that agrees is one line with its rows and revision, on stdout alone', async t => {
	const file = temporaryFile(t, TRACE);
	t.deepEqual(await replay([file]), {status: 0, stdout: `agrees ${file} (14 rows, 2014-10)\n`, stderr: ''});
	t.deepEqual(await replay(['--format', 'text', file]), await replay([file]));
});

test('the explanation of a difference has the row, the decision, and vmas and entries of both sides before and after', async t => {
	t.deepEqual(await replay(['-'], {stdin: DIFFERS}), {status: 1, stderr: '', stdout: `-:11: remap_anon_pages: recorded 0, model 4096
  row: remap_anon_pages,,0x10000001000,0x20000000000,0x1000,,,,0
  because rap_page_moved (P, mm/fremap.c:remap_anon_pages_pte()): the page moves: it takes the anon_vma and the index of the destination, and a new entry
  before line 11:
    vma 0x10000000000-0x10000004000 rw-p rd wr mr mw me ac sd uf
    pte 0x10000000000 none
    pte 0x10000001000 none
    pte 0x10000002000 none
    vma 0x20000000000-0x20000002000 rw-p rd wr mr mw me ac sd
    pte 0x1fffffff000 none
    pte 0x20000000000 present base rw dirty young softdirty anon pfn=1 mapcount=1 anon_vma=?1 index=536870912 data=42
    pte 0x20000001000 present base rw dirty young softdirty anon pfn=2 mapcount=1 anon_vma=?1 index=536870913 data=42
  after line 11:
    vma 0x10000000000-0x10000004000 rw-p rd wr mr mw me ac sd uf
    pte 0x10000000000 none
    pte 0x10000001000 present base rw dirty young softdirty anon pfn=1 mapcount=1 anon_vma=?2 index=268435457 data=42
    pte 0x10000002000 none
    vma 0x20000000000-0x20000002000 rw-p rd wr mr mw me ac sd
    pte 0x1fffffff000 none
    pte 0x20000000000 none
    pte 0x20000001000 present base rw dirty young softdirty anon pfn=2 mapcount=1 anon_vma=?1 index=536870913 data=42
differs - (7 rows, 2014-10, 1 difference)
`});
});

const begins = test.macro({
	title: (_, format: string) => `--format ${format} is what that format begins with`,
	async exec(t, format: string, beginning: string) {
		for (const args of [['--format', format], [`--format=${format}`]]) {
			const {status, stdout} = await replay([...args, '-'], {stdin: TRACE});
			t.is(status, 0);
			t.true(stdout.startsWith(beginning), stdout);
		}
	},
});
test(begins, 'text', 'agrees - (14 rows');
test(begins, 'tap', 'TAP version 14\n');
test(begins, 'json', '{"file":"-","status":0,');
test(begins, 'junit', '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ');

// Colours, progress

const GREEN = '\u001B[32m', RED = '\u001B[31m', PLAIN = '\u001B[0m';

test('on a terminal agreement is green, a difference and unusable input are red', async t => {
	const stdoutIsTTY = true;
	t.is((await replay(['-'], {stdin: TRACE, stdoutIsTTY})).stdout, `${GREEN}agrees${PLAIN} - (14 rows, 2014-10)\n`);
	const {stdout} = await replay(['-'], {stdin: DIFFERS, stdoutIsTTY});
	t.true(stdout.startsWith(`${RED}-:11: remap_anon_pages: recorded 0, model 4096${PLAIN}\n`));
	t.true(stdout.endsWith(`\n${RED}differs${PLAIN} - (7 rows, 2014-10, 1 difference)\n`));
	t.is((await replay(['-'], {stdin: BROKEN, stdoutIsTTY})).stdout, `${RED}unusable${PLAIN} -\n`);
});

test('there is no colour with NO_COLOR, off a terminal, or in formats for programs', async t => {
	const plain = await replay(['-'], {stdin: DIFFERS});
	t.notRegex(plain.stdout, /\u001B/);
	t.deepEqual(await replay(['-'], {stdin: DIFFERS, stdoutIsTTY: true, env: {NO_COLOR: '1'}}), plain);
	t.regex((await replay(['-'], {stdin: DIFFERS, stdoutIsTTY: true, env: {NO_COLOR: ''}})).stdout, /\u001B/, 'an empty NO_COLOR is none (no-color.org)');
	for (const format of ['tap', 'json', 'junit']) t.notRegex((await replay(['--format', format, '-'], {stdin: DIFFERS, stdoutIsTTY: true})).stdout, /\u001B/);
});

/** A trace that comes slowly. */
async function* slowly(): AsyncGenerator<Uint8Array> {
	yield Buffer.from(TRACE);
	for (let i = 0; i < 2; i++) {
		await new Promise(resolve => setTimeout(resolve, 250));
		yield Buffer.from('read,,0x10000001000\n');
	}
}

test.serial('a long trace shows how far it has got on stderr if that is a terminal, and wipes it out in the end', async t => {
	const {status, stdout, stderr} = await replay(['-'], {stdin: slowly(), stderrIsTTY: true});
	t.is(status, 0);
	t.is(stdout, 'agrees - (16 rows, 2014-10)\n');
	t.is(stderr, '\r\u001B[K-: 15 rows\r\u001B[K-: 16 rows\r\u001B[K');
	t.is((await replay(['-'], {stdin: slowly()})).stderr, '');
});

// Past a difference

test('without --keep-going the first difference ends the trace', async t => {
	const {stdout} = await replay(['-'], {stdin: withLines({11: LINES[10]!.replace('4096', '0'), 17: 'rss,2,,,,,,,anon=9'})});
	t.regex(stdout, /^-:11: /);
	t.regex(stdout, /differs - \(7 rows, 2014-10, 1 difference\)\n$/);
	t.notRegex(stdout, /anon=9/);
});

test('--keep-going finds every difference and goes on with the state of the model', async t => {
	const [report] = await reports(['--keep-going', '-'], {stdin: withLines({
		8: LINES[7]!.replace(/SIGBUS.*/, 'ok'), 11: LINES[10]!.replace('4096', '0'), 12: LINES[11]!.replace('data=42', 'data=7'), 16: LINES[15]!.replace(',42,', ',6,'),
		17: 'rss,2,,,,,,,anon=9',
	})});
	t.is(report!.rows, 14);
	t.deepEqual(report!.differences.map(({line, recorded: was, model}) => `${line}: ${was}, ${model}`),
		['8: ok, SIGBUS@0x10000001000', '11: 0, 4096', '12: data=7, data=42', '16: data=6, data=42', '17: anon=9, anon=1']);
});

test('--keep-going binds a name that met another object anew, so that a copy for a move is one difference and not many', async t => {
	const rows = (pfn: number) => `read,,0x10000001000\npte,,0x10000001000,1,,,,,pfn=${pfn}\n`, copied = withLines({12: LINES[11]!.replace('pfn=1', 'pfn=7')});
	const differences = async (stdin: string) => (await reports(['--keep-going', '-'], {stdin}))[0]!.differences.map(({line, recorded: was, model}) => `${line}: ${was}, ${model}`);
	t.deepEqual(await differences(copied + rows(7) + rows(7)), ['12: pfn=7, pfn=1']);
	t.deepEqual(await differences(copied + rows(1) + rows(1)), ['12: pfn=7, pfn=1', '20: pfn=1, pfn=7']);
	t.deepEqual(await differences(TRACE + rows(1)), []);
});

test('--keep-going explains the first 20 differences of a trace and lists the rest', async t => {
	const [report] = await reports(['--keep-going', '-'], {stdin: TRACE + 'rss,,,,,,,,anon=9\n'.repeat(25)});
	t.is(report!.differences.length, 25);
	t.deepEqual(report!.differences.map(({setBy}) => setBy?.line), [...Array<number>(20).fill(13), ...Array<undefined>(5).fill(undefined)]);
	t.is(report!.differences[19]!.note, null);
	t.is(report!.differences[20]!.note, 'only the first 20 differences of a trace are explained');
});

test('--keep-going tells for each of two pages which row wrote it', async t => {
	const [report] = await reports(['--keep-going', '-'], {stdin: `${LINES.slice(0, 6).join('\n')}
write,,0x10000000000,,5
write,,0x10000001000,,5
read,,0x10000000000,,6
read,,0x10000001000,,6
`});
	t.deepEqual(report!.differences.map(({line, setBy}) => [line, setBy?.line]), [[9, 7], [10, 8]]);
});

test('a trace from a pipe is explained as one from a file is, up to 64 MiB', async t => {
	const file = temporaryFile(t, DIFFERS), piped = await reports(['-'], {stdin: DIFFERS}), read = await reports([file]);
	t.deepEqual(piped[0]!.differences, read[0]!.differences);
	async function* long(): AsyncGenerator<Uint8Array> {
		yield Buffer.from(`${HEADER}\n`);
		const comments = Buffer.from(`#${'x'.repeat(65534)}\n`);
		for (let i = 0; i <= 1024; i++) yield comments;
		yield Buffer.from('munmap,,0,0,,,,,0\n');
	}
	const [report] = await reports(['-'], {stdin: long()});
	t.deepEqual(report!.differences.map(({line, note, surroundings}) => ({line, note, surroundings})),
		[{line: 1027, note: 'not explained: the trace came through a pipe and is too long to be kept', surroundings: null}]);
});

// Where a trace stops

test('--until stops behind the row on that line, so that a later difference is not found', async t => {
	const stdin = withLines({12: LINES[11]!.replace('data=42', 'data=7')});
	t.deepEqual(await replay(['--until', '11', '-'], {stdin}), {status: 0, stdout: 'agrees - (7 rows, 2014-10)\n', stderr: ''});
	t.is((await replay(['--until', '12', '-'], {stdin})).status, 1);
	t.is((await replay(['--until=11', '-'], {stdin: `${LINES.slice(0, 11).join('\n')}\nnonsense`})).status, 0, 'what is behind is not read');
	t.is((await replay(['--until', '1000000', '-'], {stdin: TRACE})).stdout, 'agrees - (14 rows, 2014-10)\n');
});

test('--until of a line that is a comment stops there', async t => {
	const stdin = withLines({8: '# read', 9: LINES[8]!.replace('ok', 'SIGBUS')});
	t.deepEqual(await replay(['--until', '8', '-'], {stdin}), {status: 0, stdout: 'agrees - (3 rows, 2014-10)\n', stderr: ''});
});

test('--max-pages ends a trace that asks for one frame more with status 2, and not one that asks for just as many', async t => {
	const pages = (count: number) => `${LINES.slice(0, 4).join('\n')}\nconfig,,thp,never\nmmap,,0x10000000000,0x1000000,PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED,-1\nwrite,,0x10000000000,${4096 * count}\n`;
	const file = temporaryFile(t, pages(2001));
	t.deepEqual(await replay(['--max-pages', '2000', file]), {
		status: 2,
		stdout: `unusable ${file}\n`,
		stderr: `${file}:7:1: expected a trace that fits the machine (--max-pages), found more than 2000 page frames\n`,
	});
	t.is((await replay(['--max-pages', '2000', '-'], {stdin: pages(2000)})).status, 0);
	t.is((await replay([file])).status, 0, 'the default is enough');
});

test('--max-pages holds below 1024 frames, too', async t => {
	t.is((await replay(['--max-pages', '1', '-'], {stdin: TRACE})).status, 2);
});

// Looking on

test('--watch prints what is at an address, for each task, after each row that changes it and no other', async t => {
	const file = temporaryFile(t, TRACE), {status, stdout} = await replay(['--watch', '0x10000001234', file]);
	const page = 'dirty young softdirty anon pfn=1', rest = 'anon_vma=?2 index=268435457 data=42';
	t.is(status, 0);
	t.deepEqual(stdout.split('\n'), [
		`${file}:11: remap_anon_pages: 0x10000001000 of task 1: present base rw ${page} mapcount=1 ${rest}`,
		`${file}:15: fork: 0x10000001000 of task 1: present base ro ${page} mapcount=2 ${rest}`,
		`${file}:15: fork: 0x10000001000 of task 2: present base ro ${page.replace('young', 'old')} mapcount=2 ${rest}`,
		`${file}:16: read: 0x10000001000 of task 2: present base ro ${page} mapcount=2 ${rest}`,
		`${file}:18: exit: 0x10000001000 of task 1: present base ro ${page} mapcount=1 ${rest}`,
		`agrees ${file} (14 rows, 2014-10)`,
		'',
	]);
	t.is((await replay(['--watch', String(0x1_0000_0002_000), file])).stdout, `agrees ${file} (14 rows, 2014-10)\n`, 'nothing happens there');
});

test('--watch tells that a page is gone', async t => {
	const {stdout} = await replay(['--watch', '0x20000000000', '-'], {stdin: TRACE});
	t.deepEqual(stdout.split('\n').slice(1, 2), ['-:11: remap_anon_pages: 0x20000000000 of task 1: none']);
});

test('--dump prints vmas, entries, page frames and swap at the end, in columns', async t => {
	const {status, stdout} = await replay(['--dump', '-'], {stdin: TRACE});
	t.is(status, 0);
	t.is(stdout, `mm of task 1: map_count 2, total_vm 6, locked_vm 0, rss anon 1 file 0 swap 1, pte tables 2
 vmas
  0x10000000000-0x10000004000 rw-p pgoff 0x10000000 anon_vma 2 [2]  rd wr mr mw me ac sd uf
  0x20000000000-0x20000002000 rw-p pgoff 0x20000000 anon_vma 1 [1]  rd wr mr mw me ac sd
 entries                          pages
  0x10000001000-0x10000002000     1  present base ro dirty young softdirty anon pfn=512 mapcount=1 anon_vma=2 index=268435457 data=42
  0x20000001000-0x20000002000     1  swap softdirty entry=1 swapcount=1
page frames: 1 in use, page tables: 7
frame  count mapcount anon_vma      index  flags  data
512        1        1        2 0x10000001  anon  42
swap: 1 of 16 slots in use
slot   count cache  data
1          1     -  42
agrees - (14 rows, 2014-10)
`);
});

test('--dump joins pages that follow each other, and has an address space for each task that has one', async t => {
	const lines = [...LINES.slice(0, 9), 'fork,,,,,,,,2', 'thread,2,,,,,,,3'], {stdout} = await replay(['--dump', '-'], {stdin: lines.join('\n')});
	t.regex(stdout, /^mm of task 1: /m);
	t.regex(stdout, /^mm of task 2, 3: /m);
	t.is(stdout.match(/^ {2}0x20000000000-0x20000002000 {5}2 {2}present .* pfn=512 mapcount=2 anon_vma=1 index=536870912 data=42$/gm)?.length, 2);
	t.regex(stdout, /^page frames: 2 in use/m);
});

test.serial('--dump of three address spaces takes less than a second of the processor', async t => {
	const before = process.cpuUsage();
	await replay(['--dump', '-'], {stdin: `${TRACE}fork\nfork\n`});
	const {user, system} = process.cpuUsage(before);
	t.true(user + system < 1e6);
});

test('--dump shows the state at the difference that ends a trace', async t => {
	const {status, stdout} = await replay(['--dump', '-'], {stdin: withLines({9: LINES[8]!.replace('ok', 'SIGBUS')})});
	t.is(status, 1);
	t.regex(stdout, /rss anon 2 file 0 swap 0/);
});

test('--revision replays a trace as another posting, whatever it says of itself', async t => {
	const [other] = await reports(['--revision', '2013-05', '-'], {stdin: TRACE});
	t.deepEqual([other!.revision, other!.status, other!.differences.map(({recorded: was, model}) => [was, model])], ['2013-05', 1, [['4096', '0']]]);
	t.is((await reports(['--revision', '2014-10', '-'], {stdin: TRACE}))[0]!.status, 0);
	t.is((await reports(['-'], {stdin: `${HEADER}\n`}))[0]!.revision, '2013-05');
	t.is((await reports(['--revision', '2014-10', '-'], {stdin: `${HEADER}\n`}))[0]!.revision, '2014-10');
});

// Decisions

interface Coverage {
	readonly head: string;
	/** How often, by name; undefined for those never taken. */
	readonly counts: ReadonlyMap<string, string>;
}

function coverageOf(stdout: string): Coverage {
	const lines = stdout.split('\n'), at = lines.findIndex(line => / decisions taken, /.test(line));
	return {head: lines[at]!, counts: new Map(lines.slice(at + 1).filter(line => line !== '').map(line => {
		const [, count, name] = /^ *(\d+|never|-) {2}(\w+) \([LPKI/-]+, [\w/.-]+\.[chS]:\w+\(\)\): .+$/.exec(line) ?? [];
		return [name ?? line, count!] as const;
	}))};
}

test('--coverage lists every decision once, with how often all traces together took it', async t => {
	const file = temporaryFile(t, TRACE), {status, stdout} = await replay(['--coverage', file, file]), {head, counts} = coverageOf(stdout);
	t.is(status, 0);
	t.deepEqual([...counts.keys()].sort(), [...decisionNames].sort());
	const taken = [...counts].filter(([, count]) => /\d/.test(count)), never = [...counts.values()].filter(count => count === 'never').length;
	t.deepEqual(taken, [['rap_page_moved', '2'], ['userfault_read', '2'], ['userfault_on', '2']]);
	t.is(head, `3 of ${decisionNames.length} decisions taken, ${never} never, ${decisionNames.length - 3 - never} that no trace can take`);
});

test('--coverage of the recordings takes no decision that is said to be out of reach', async t => {
	const {counts} = coverageOf((await replay(['--coverage', inRoot('traces/recorded')])).stdout);
	t.deepEqual([...counts].filter(([, count]) => count === undefined), []);
	t.true([...counts.values()].filter(count => /\d/.test(count)).length >= 40);
});

// Filling in

/** A trace without its results, but for configuration. */
function blanked(lines: readonly string[]): string[] {
	return lines.map((line, i) => (i === 0 || line.startsWith('#') || line.startsWith('config,') ? line : line.replace(/,[^,]*$/, ',')));
}

test('--fill writes the trace with the results of the model, and its report to stderr', async t => {
	t.deepEqual(await replay(['--fill', '-'], {stdin: `${HEADER}
config,,revision,2014-10
mmap,,,0x3000,PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_ANONYMOUS,-1,0,?
madvise,,0x7ffff7ffc000,0x1000,MADV_USERFAULT
read,,0x7ffff7ffc000
munmap,,1,1
kread,,0x7ffff7ffc000
write,,0x7ffff7ffd000,,18446744073709551615
pte,,0x7ffff7ffd000
vma,,0x7ffff7ffc000,0x7ffff7ffd000
map_count
rss
vmstat,,pswpout
fork
thread,2
gup,,0x7ffff7ffd000,1
referenced,,0x7ffff7ffd000
exit,2
pte,,0x7ffff7ffe000,1,,,,,none
`}), {status: 0, stderr: 'agrees - (17 rows, 2014-10)\n', stdout: `${HEADER}
config,,revision,2014-10
mmap,,,0x3000,PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_ANONYMOUS,-1,0,0x7ffff7ffc000
madvise,,0x7ffff7ffc000,0x1000,MADV_USERFAULT,,,,0
read,,0x7ffff7ffc000,,,,,,SIGBUS@0x7ffff7ffc000
munmap,,1,1,,,,,-EINVAL
kread,,0x7ffff7ffc000,,,,,,-EFAULT
write,,0x7ffff7ffd000,,18446744073709551615,,,,ok
pte,,0x7ffff7ffd000,,,,,,present base rw dirty young softdirty anon pfn=1 mapcount=1 anon_vma=1 index=34359705597 data=0xffffffffffffffff !swapcache !locked !ksm
vma,,0x7ffff7ffc000,0x7ffff7ffd000,,,,,rw-p rd wr mr mw me ac sd uf !lo !hg !nh !mg !dc
map_count,,,,,,,,2
rss,,,,,,,,anon=1 file=0 swap=0
vmstat,,pswpout,,,,,,0
fork,,,,,,,,2
thread,2,,,,,,,3
gup,,0x7ffff7ffd000,1,,,,,1
referenced,,0x7ffff7ffd000,,,,,,1
exit,2
pte,,0x7ffff7ffe000,1,,,,,none
`});
});

const refill = test.macro({
	title: (_, folder: string) => `--fill gives the recordings of ${folder} back what their kernels answered, in a trace that agrees`,
	async exec(t, folder: string) {
		const names = tracesBelow(recorded(folder));
		t.true(names.length >= 30);
		for (const name of names) {
			const lines = traceText(path.join(recorded(folder), name)).trimEnd().split('\n'), stdin = `${blanked(lines).join('\n')}\n`;
			const filled = await replay(['--fill', '-'], {stdin});
			t.is(filled.status, 0, name);
			t.is((await replay(['-'], {stdin: filled.stdout})).status, 0, `${name}, filled`);
			const rows = filled.stdout.trimEnd().split('\n');
			t.is(rows.length, lines.length, name);
			for (const [i, row] of rows.entries()) if (row !== lines[i]) compareRows(lines[i]!, row, wrong => t.fail(`${name}:${i + 1}: ${wrong}`));
		}
		t.pass();
	},
});

/** Everything that a recording says of a row is in the filled one. Slots are left out: the model may give them in another order to pages that are not looked at. */
function compareRows(was: string, is: string, fail: (wrong: string) => void): void {
	const cells = was.split(','), filled = is.split(',');
	if (cells[8] === '') return;
	if (cells.slice(0, 8).join() !== filled.slice(0, 8).join()) fail(`${was} became ${is}`);
	const words = new Set(filled[8]!.split(' ')), missing = cells[8]!.split(' ').filter(word => !words.has(word) && !word.startsWith('entry='));
	if (missing.length > 0) fail(`${is} lacks ${missing.join(' ')} of ${was}`);
	if (cells[0] !== 'pte' && cells[0] !== 'vma' && cells[8] !== filled[8]) fail(`${is} is not ${was}`);
}
for (const folder of ['2013-05/base', '2013-05/walks-base', '2014-10/base', '2014-10/walks-base']) test(refill, folder);

test('--fill makes one row for each run of pages that are alike, with rising frames and indexes', async t => {
	const {stdout} = await replay(['--fill', '-'], {stdin: `${LINES.slice(0, 8).join('\n')}\nwrite,,0x20000000000,0x2000,5\npte,1,0x1ffffffe000,6\nwrite,,0x20000001000,,6\npte,1,0x1fffffff000,3\n`});
	const page = 'present base rw dirty young softdirty anon', rest = '!swapcache !locked !ksm';
	t.deepEqual(stdout.trimEnd().split('\n').slice(8), [
		'write,,0x20000000000,0x2000,5,,,,ok',
		'pte,1,0x1ffffffe000,2,,,,,none',
		`pte,1,0x20000000000,2,,,,,${page} pfn=1 mapcount=1 anon_vma=1 index=536870912 data=5 ${rest}`,
		'pte,1,0x20000002000,2,,,,,none',
		'write,,0x20000001000,,6,,,,ok',
		'pte,1,0x1fffffff000,1,,,,,none',
		`pte,1,0x20000000000,1,,,,,${page} pfn=1 mapcount=1 anon_vma=1 index=536870912 data=5 ${rest}`,
		`pte,1,0x20000001000,1,,,,,${page} pfn=2 mapcount=1 anon_vma=1 index=536870913 data=6 ${rest}`,
	]);
	t.is((await replay(['--fill', '-'], {stdin: stdout})).stdout, stdout, 'filled again it stays as it is');
	t.is((await replay(['-'], {stdin: stdout})).status, 0);
});

test('--fill keeps comments, blank lines, columns of its own in any order, quotes and short rows as they are', async t => {
	const filled = (await replay(['--fill', '-'], {stdin: `# before the header, "quoted"
note,result,event,a1,a0,task,time

config first,,config,2014-10,revision
"a, ""b""",,mmap,0x1000,0x10000000000,,1.5
plain,"",munmap,0x1000,0x20000000000
"c
d",?,read,,0x10000000000,"1",2
,,exit
#end
`})).stdout;
	t.is(filled, `# before the header, "quoted"
note,result,event,a1,a0,task,time

config first,,config,2014-10,revision
"a, ""b""",-EBADF,mmap,0x1000,0x10000000000,,1.5
plain,0,munmap,0x1000,0x20000000000
"c
d",SIGSEGV@0x10000000000,read,,0x10000000000,"1",2
,,exit
#end
`);
	t.is((parse(filled, {comment: '#', comment_no_infix: true, relax_column_count: true, skip_empty_lines: true}) as string[][]).length, 6);
});

test('--fill repeats the columns of its own in each row of a run that was split, in quotes where they need them', async t => {
	const {stdout} = await replay(['--fill', '-'], {stdin: `event,a0,note,a1,a2,a3,result
mmap,0x10000000000,,0x3000,3,0x32
write,0x10000001000
pte,0x10000000000,"a, b",2,,,
`});
	t.deepEqual(stdout.trimEnd().split('\n').slice(3), [
		'pte,0x10000000000,"a, b",1,,,none',
		'pte,0x10000001000,"a, b",1,,,present base rw dirty young anon pfn=1 mapcount=1 anon_vma=1 index=268435457 data=1 !swapcache !locked !ksm',
	]);
});

test('--fill leaves what is recorded, tells differences on stderr, and goes on', async t => {
	const {status, stdout, stderr} = await replay(['--fill', '-'], {stdin: withLines({11: LINES[10]!.replace('4096', '0'), 17: 'rss,2'})});
	t.is(status, 1);
	t.is(stdout, withLines({11: LINES[10]!.replace('4096', '0'), 17: LINES[16]!}));
	t.true(stderr.startsWith('-:11: remap_anon_pages: recorded 0, model 4096\n'));
});

test('--fill needs a result column', async t => {
	t.deepEqual(await replay(['--fill', '-'], {stdin: 'event,a0\nread,0\n'}), {status: 2, stdout: 'event,a0\n', stderr: '-:1: expected a result column to fill, found none\nunusable -\n'});
});

test('--fill refuses a folder of several traces', async t => {
	const {status, stdout, stderr} = await replay(['--fill', inRoot('traces/recorded/2014-10/base')]);
	t.deepEqual({status, stdout, stderr}, {status: 2, stdout: '', stderr: 'replay: --fill: expected one trace\n'});
});

test('--fill refuses two files', async t => {
	const file = temporaryFile(t, TRACE), {status, stdout, stderr} = await replay(['--fill', file, file]);
	t.deepEqual({status, stdout, stderr}, {status: 2, stdout: '', stderr: 'replay: --fill: expected one trace\n'});
});

const survives = test.macro({
	title: (_, what: string) => `--fill keeps ${what}`,
	async exec(t, _what: string, stdin: string) {
		t.is((await replay(['--fill', '-'], {stdin})).stdout, stdin);
	},
});
test(survives, 'a trace that has all its results', TRACE);
test(survives, 'CR LF', TRACE.replaceAll('\n', '\r\n'));
test(survives, 'a byte order mark', `\ufeff${TRACE}`);
test(survives, 'a last line without line end', TRACE.trimEnd());

test('--fill writes nothing but the trace to stdout, also with --dump and --watch', async t => {
	t.is((await replay(['--fill', '--dump', '--watch', '0x10000001000', '-'], {stdin: TRACE})).stdout, TRACE);
});

// Where traces come from

test('a trace comes from a file, a gzip file under any name, a pipe, or a gzip pipe', async t => {
	const packed = gzipSync(TRACE);
	for (const file of [temporaryFile(t, TRACE), temporaryFile(t, packed, 't.csv.gz'), temporaryFile(t, packed, 'trace')]) {
		t.deepEqual(await replay([file]), {status: 0, stdout: `agrees ${file} (14 rows, 2014-10)\n`, stderr: ''});
	}
	for (const stdin of [TRACE, packed]) t.deepEqual(await replay(['-'], {stdin}), {status: 0, stdout: 'agrees - (14 rows, 2014-10)\n', stderr: ''});
});

async function* bytewise(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
	for (let i = 0; i < bytes.length; i++) yield bytes.subarray(i, i + 1);
}

test('a pipe that gives byte by byte is read as one that gives all at once, packed or not', async t => {
	for (const bytes of [Buffer.from(DIFFERS), gzipSync(DIFFERS)]) t.deepEqual(await replay(['-'], {stdin: bytewise(bytes)}), await replay(['-'], {stdin: bytes}));
});

test('a folder means its *.csv and *.csv.gz, below it too, in the order of their names', async t => {
	const folder = temporaryFolder(t);
	mkdirSync(path.join(folder, 'b', 'deep'), {recursive: true});
	for (const [name, content] of [['c.csv', TRACE], ['a.csv', TRACE], ['b/deep/x.csv.gz', gzipSync(TRACE)], ['notes.txt', 'no'], ['a.csv.bak', 'no'], ['a.gz', 'no']] as const) {
		writeFileSync(path.join(folder, name), content);
	}
	const {status, stdout} = await replay([folder]);
	t.is(status, 0);
	t.is(stdout, ['a.csv', 'b/deep/x.csv.gz', 'c.csv'].map(name => `agrees ${folder}/${name} (14 rows, 2014-10)\n`).join(''));
});

test('of several traces each has its line, in order, and the worst status wins', async t => {
	const [good, differs, bad] = [TRACE, DIFFERS, BROKEN].map(content => temporaryFile(t, content)) as [string, string, string];
	const statusOf = async (...files: string[]) => (await replay(files)).status;
	t.is(await statusOf(good, good), 0);
	t.is(await statusOf(good, differs, good), 1);
	t.is(await statusOf(bad, differs, good), 2);
	t.is(await statusOf(differs, bad), 2);
	t.is(await statusOf(good, '/nowhere/none.csv'), 2);
	const {stdout, stderr} = await replay([bad, good, '-', differs], {stdin: TRACE});
	t.deepEqual(stdout.split('\n').filter(line => /^(agrees|differs|unusable) /.test(line)),
		[`unusable ${bad}`, `agrees ${good} (14 rows, 2014-10)`, 'agrees - (14 rows, 2014-10)', `differs ${differs} (7 rows, 2014-10, 1 difference)`]);
	t.is(stderr, `${bad}:19:1: expected an event, found "nonsense"\n`);
});

test('a file whose name is a number is found', async t => {
	const folder = temporaryFolder(t);
	for (const name of ['1e3', '0x10', '1.0']) writeFileSync(path.join(folder, name), TRACE);
	const {code, stdout} = await run(process.execPath, [replayCommand, '1e3', '0x10', '1.0'], {cwd: folder});
	t.is(code, 0, stdout);
});

const pipeByName = test.macro({
	title: (_, what: string) => `a difference in a trace from ${what} is told like one from a file`,
	async exec(t, _what: string, command: string) {
		const file = temporaryFile(t, DIFFERS);
		const {code, stdout} = await run('bash', ['-c', command, process.execPath, replayCommand, file], {env: plainEnvironment, timeout: 60_000, cwd: path.dirname(file)});
		t.is(code, 1);
		t.regex(stdout, /:11: remap_anon_pages: recorded 0, model 4096\n/);
	},
});
test(pipeByName, 'a process substitution', '"$0" "$1" <(cat "$2")');
test(pipeByName, '/dev/stdin', 'cat "$2" | "$0" "$1" /dev/stdin');
test(pipeByName, 'a named pipe', 'mkfifo pipe; cat "$2" > pipe & exec "$0" "$1" pipe');

// Usage

const usage = test.macro({
	title: (_, args: readonly string[]) => `replay ${args.join(' ')} is an error of usage: one line, status 2`,
	async exec(t, args: readonly string[], message: RegExp) {
		const {status, stdout, stderr} = await replay(args, {stdin: TRACE});
		t.is(status, 2);
		t.is(stdout, '');
		t.regex(stderr, /^replay: [^\n]+\n$/);
		t.regex(stderr, message);
	},
});
test(usage, [], /Which trace\?/);
test(usage, ['--keep-going'], /Which trace\?/);
test(usage, ['--keep-goign', '-'], /keep-goign/);
test(usage, ['-x', '-'], /x/);
test(usage, ['--until', 'x', '-'], /--until: expected a number from 1/);
test(usage, ['--until', '0', '-'], /--until: expected a number from 1/);
test(usage, ['--until', '1.5', '-'], /--until: expected a number from 1/);
test(usage, ['--until', '3', '--until', '5', '-'], /--until/);
test(usage, ['-', '--until'], /until/);
test(usage, ['--watch', 'here', '-'], /--watch: expected an address below 2\^47/);
test(usage, ['--watch', '-1', '-'], /--watch: expected an address below 2\^47/);
test(usage, ['--watch', '0x800000000000', '-'], /--watch: expected an address below 2\^47/);
test(usage, ['-', '--watch'], /watch/);
test(usage, ['--max-pages', '0', '-'], /--max-pages: expected a number from 1/);
test(usage, ['--max-pages', '67108865', '-'], /--max-pages: expected a number from 1 to 67108864/);
test(usage, ['--format', 'xml', '-'], /format.*xml/);
test(usage, ['--revision', 'uffdio-move', '-'], /revision.*uffdio-move/);
test(usage, ['--format', 'tap', '--format', 'json', '-'], /--format|Argument: format/);
test(usage, ['--revision', '2013-05', '--revision', '2014-10', '-'], /revision/);

test('--help tells usage, every option and the statuses on stdout, and replays nothing', async t => {
	for (const args of [['--help'], ['--help', '-'], ['--keep-going', '-', '--help']]) {
		const {status, stdout, stderr} = await replay(args);
		t.is(status, 0);
		t.is(stderr, '');
		t.regex(stdout, /^replay <trace\.\.>\n/);
		for (const option of ['format', 'keep-going', 'until', 'watch', 'dump', 'revision', 'fill', 'coverage', 'max-pages']) t.true(stdout.includes(`  --${option} `), option);
		t.regex(stdout.replace(/\s+/g, ' '), /Exit status: 0 all agree, 1 a row differs, 2 unusable input, 3 the model found itself wrong\./);
	}
});

test('--help is as wide as the terminal, up to 120 columns', async t => {
	const widest = async (columns: number) => Math.max(...(await replay(['--help'], {columns})).stdout.split('\n').map(line => line.length));
	t.true(await widest(60) <= 60);
	t.true(await widest(1000) <= 120);
});

test('a header with no rows is a trace in which nothing happened: it agrees and says 0 rows', async t => {
	t.deepEqual(await replay(['-'], {stdin: HEADER}), {status: 0, stdout: 'agrees - (0 rows, 2013-05)\n', stderr: ''});
	t.deepEqual(await replay(['-'], {stdin: LINES.slice(0, 4).join('\n')}), {status: 0, stdout: 'agrees - (0 rows, 2014-10)\n', stderr: ''});
});

// The model's own failure: no trace reaches it, so the observer is made to fail

const fails = test.macro({
	title: (_, what: string) => `${what} in the model is status 3 with file and line, the other traces are replayed, and 3 is worse than 2`,
	async exec(t, _what: string, error: Error) {
		const {check} = Observer.prototype, good = temporaryFile(t, LINES.slice(0, 9).join('\n')), bad = temporaryFile(t, BROKEN), file = temporaryFile(t, TRACE);
		Observer.prototype.check = () => {
			throw error;
		};
		try {
			t.deepEqual(await replay([file, good]), {
				status: 3,
				stdout: `model bug ${file}\nagrees ${good} (5 rows, 2014-10)\n`,
				stderr: `${file}:10: model bug: ${error.message}\n`,
			});
			t.is((await replay([file, '/nowhere/none.csv'])).status, 3);
			t.is((await replay(['/nowhere/none.csv', file])).status, 3);
			t.is((await replay([bad])).status, 3);
		} finally {
			Observer.prototype.check = check;
		}
	},
});
test.serial(fails, 'a ModelBug', new ModelBug('a lock is still held'));
test.serial(fails, 'any other error', new TypeError('vma is undefined'));

test.serial('where the kernel stops the row is BUG, with and without a recording of it, and nothing may follow', async t => {
	const {alloc} = PageTables.prototype, map = LINES.slice(0, 6).join('\n');
	// no trace reaches a BUG_ON of this model, so one is put where a page table is made
	PageTables.prototype.alloc = function (this: PageTables) {
		if (this.nr_used > 0) throw new KernelBug('!PageAnon(src_page)');
		return alloc.call(this);
	};
	try {
		const stop = 'write,,0x20000000000,1,5,,,,';
		t.is((await replay(['-'], {stdin: `${map}\n${stop}BUG\n`})).stdout, 'agrees - (3 rows, 2014-10)\n');
		t.is((await replay(['-'], {stdin: `${map}\n${stop}\n`})).status, 0);
		t.is((await replay(['--fill', '-'], {stdin: `${map}\n${stop}\n`})).stdout, `${map}\n${stop}BUG\n`);
		const [differs] = await reports(['-'], {stdin: `${map}\n${stop}ok\n`});
		t.deepEqual(differs!.differences.map(({recorded: was, model}) => [was, model]), [['ok', 'BUG']]);
		const behind = await replay(['-'], {stdin: `${map}\n${stop}BUG\nread,,0\n`});
		t.deepEqual([behind.status, behind.stderr], [2, '-:8:1: expected the end of the trace, since the kernel has stopped, found "read"\n']);
	} finally {
		PageTables.prototype.alloc = alloc;
	}
	const [other] = await reports(['-'], {stdin: `${map}\nwrite,,0x20000000000,1,5,,,,BUG\n`});
	t.deepEqual(other!.differences.map(({recorded: was, model}) => [was, model]), [['BUG', 'ok']]);
});

// The process

test('a closed pipe ends the command quietly, as a signal would', async t => {
	const file = temporaryFile(t, `${HEADER}\n${`# ${'x'.repeat(98)}\n`.repeat(20_000)}`);
	const {code, stdout, stderr} = await run('bash', ['-c', '"$0" "$1" --fill "$2" | head -1; exit "${PIPESTATUS[0]}"', process.execPath, replayCommand, file]);
	t.deepEqual({code, stdout, stderr}, {code: 141, stdout: `${HEADER}\n`, stderr: ''});
});

test('Ctrl-C ends the command quietly', async t => {
	const child = spawn(process.execPath, [replayCommand, '--fill', '-'], {stdio: ['pipe', 'pipe', 'pipe']});
	// its first output tells that it is at work
	child.stdout.once('data', () => child.kill('SIGINT'));
	child.stdin.write(TRACE);
	const {code, stderr} = await ended(child);
	t.deepEqual({code, stderr}, {code: 130, stderr: ''});
});

test('the process ends with the status, prints what main prints, and reads standard input', async t => {
	const [good, differs, bad] = [TRACE, DIFFERS, BROKEN].map(content => temporaryFile(t, content)) as [string, string, string];
	for (const file of [good, differs, bad]) {
		const {code, stdout, stderr} = await run(process.execPath, [replayCommand, file]);
		t.deepEqual({status: code, stdout, stderr}, await replay([file]));
	}
	const child = spawn(process.execPath, [replayCommand, '-'], {stdio: ['pipe', 'pipe', 'pipe']});
	child.stdin.end(gzipSync(TRACE));
	t.deepEqual(await ended(child), {code: 0, signal: null, stdout: 'agrees - (14 rows, 2014-10)\n', stderr: ''});
});
