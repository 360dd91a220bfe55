import test from 'ava';
import type {Difference, TraceReport} from '../../tools/lib/report.ts';
import {inRoot, linesOf, recorded, replay, temporaryFile, tracesBelow, traceText} from '../lib/tool.ts';

// Recordings of running kernels, each made wrong in one place

/** A change of a trace, by its lines; line N is at N - 1. */
interface Change {
	(lines: string[]): void;
}

/** Another text in a line, which must have the old one once. */
function change(line: number, from: string, to: string): Change {
	return lines => {
		const parts = lines[line - 1]!.split(from);
		if (parts.length !== 2) throw new Error(`line ${line} does not have "${from}" once: ${lines[line - 1]}`);
		lines[line - 1] = parts.join(to);
	};
}

function all(...changes: readonly Change[]): Change {
	return lines => changes.forEach(one => one(lines));
}

/** @param begin - of the line, so that it is the one that is meant */
function drop(line: number, begin: string): Change {
	return lines => {
		if (!lines[line - 1]!.startsWith(begin)) throw new Error(`line ${line} does not begin with "${begin}": ${lines[line - 1]}`);
		lines.splice(line - 1, 1);
	};
}

function exchange(line: number, other: number): Change {
	return lines => {
		[lines[line - 1], lines[other - 1]] = [lines[other - 1]!, lines[line - 1]!];
	};
}

interface Expected {
	/** Behind `file:`. What has no name in the recording is a `?` here, without the model's own number. */
	readonly headline: string;
	readonly word: string;
	/** Line of the row that set the word; none: no row did, or the row is a call that differs itself. */
	readonly setBy?: number;
	/** The decisions of the row that set the word, or else of the row that differs. */
	readonly decisions?: readonly string[];
}

/** Objects that the recording has not named yet carry the model's own numbers, which are nobody's business. */
function unnumbered(text: string): string {
	return text.replace(/(?<==\?)\d+/, '');
}

const wrong = test.macro({
	title: (_, what: string, name: string, _change: Change, {headline}: Expected) => `${name} with ${what} is reported as ${headline}`,
	async exec(t, _what: string, name: string, makeWrong: Change, {headline, word, setBy, decisions = []}: Expected) {
		t.is((await replay([recorded(name)])).status, 0, 'the recording itself agrees');
		const lines = linesOf(name);
		makeWrong(lines);
		const file = temporaryFile(t, lines.join('\n')), line = Number(headline.split(':')[0]);

		const text = await replay([file]);
		t.is(text.status, 1);
		t.is(text.stderr, '');
		const [first, row, ...more] = text.stdout.split('\n');
		t.is(unnumbered(first!), `${file}:${headline}`);
		t.is(row, `  row: ${lines[line - 1]}`);
		t.regex(text.stdout, new RegExp(`differs ${file} \\(\\d+ rows, .*, 1 difference\\)\n$`));

		const report = JSON.parse((await replay(['--format', 'json', file])).stdout) as TraceReport, difference = report.differences[0]!;
		t.is(report.differences.length, 1);
		t.is(unnumbered(`${difference.line}: ${difference.event}: recorded ${difference.recorded}, model ${difference.model}`), headline);
		t.is(difference.word, word);
		t.is(difference.setBy?.line, setBy);
		const reasons = difference.setBy?.reasons ?? difference.reasons;
		t.deepEqual(reasons.map(({decision}) => decision), decisions);

		// what people read says the same: the word, the row that set it, and why
		const explanation = more.join('\n');
		if (difference.address !== null) t.true(explanation.includes(`at ${difference.address} of task ${difference.task}: ${word} differs`));
		if (setBy !== undefined) t.true(explanation.includes(`${difference.model} since line ${setBy}: ${lines[setBy - 1]}\n`));
		for (const {decision, letter, source, why} of reasons) t.true(explanation.includes(`because ${decision} (${letter}, ${source}): ${why}\n`));
	},
});

const ONE = '2014-10/base/move-one-page.csv', COWED = '2014-10/base/fork-src-cowed.csv', CACHE = '2014-10/base/swap-src-in-cache.csv',
	FORKED = '2014-10/base/swap-src-forked.csv', LOCKED = '2014-10/base/mlock-both.csv', OCCUPIED = '2013-05/base/dst-occupied-middle.csv',
	WALK = '2014-10/walks-base/walk-005.csv';

// results and errors
test(wrong, 'another number of bytes moved', ONE, change(48, ',4096', ',8192'),
	{headline: '48: remap_anon_pages: recorded 8192, model 4096', word: 'result', decisions: ['rap_page_moved']});
test(wrong, 'a fault that is served', ONE, change(40, 'SIGBUS@0x10000000000', 'ok'),
	{headline: '40: read: recorded ok, model SIGBUS@0x10000000000', word: 'result', decisions: ['userfault_read']});
test(wrong, 'another signal', ONE, change(40, 'SIGBUS', 'SIGSEGV'),
	{headline: '40: read: recorded SIGSEGV@0x10000000000, model SIGBUS@0x10000000000', word: 'result', decisions: ['userfault_read']});
test(wrong, 'another faulting address', ONE, change(40, 'SIGBUS@0x10000000000', 'SIGBUS@0x10000001000'),
	{headline: '40: read: recorded SIGBUS@0x10000001000, model SIGBUS@0x10000000000', word: 'result', decisions: ['userfault_read']});
test(wrong, 'another error', COWED, change(120, '-EBUSY', '-EEXIST'),
	{headline: '120: remap_anon_pages: recorded -EEXIST, model -EBUSY', word: 'result', decisions: ['rap_src_mapped_twice']});
test(wrong, 'success in place of an error', OCCUPIED, change(56, '-EFAULT', '0'),
	{headline: '56: remap_anon_pages: recorded 0, model -EFAULT', word: 'result', decisions: ['rap_page_moved', 'rap_dst_mapped']});
test(wrong, 'an error in place of success', OCCUPIED, change(84, ',,,,0', ',,,,-EFAULT'),
	{headline: '84: remap_anon_pages: recorded -EFAULT, model 0', word: 'result', decisions: ['rap_page_moved']});
test(wrong, 'a shared swap entry that moves', FORKED, change(63, '-EBUSY', '4096'),
	{headline: '63: remap_anon_pages: recorded 4096, model -EBUSY', word: 'result', decisions: ['rap_swap_shared']});
test(wrong, 'a fixed mapping elsewhere', ONE, change(18, ',0,0x10040000000', ',0,0x10040001000'),
	{headline: '18: mmap: recorded 0x10040001000, model 0x10040000000', word: 'result'});
test(wrong, 'another token read', ONE, change(56, ',1,5,', ',1,7,'),
	{headline: '56: read: recorded data=7, model data=5', word: 'data', setBy: 48, decisions: ['rap_page_moved']});

// names
test(wrong, 'a copy in place of the moved page', ONE, change(49, 'pfn=1', 'pfn=2'),
	{headline: '49: pte: recorded pfn=2, model pfn=1', word: 'pfn', setBy: 48, decisions: ['rap_page_moved']});
test(wrong, 'two frames swapped', COWED, all(change(59, 'pfn=3', 'pfn=2'), change(60, 'pfn=2', 'pfn=3')),
	{headline: '59: pte: recorded pfn=2, model pfn=?', word: 'pfn', setBy: 57});
// the name is free at line 321, so only the page that really has it contradicts: line 329 has written to it
test(wrong, 'a frame named as a later one', WALK, change(321, 'pfn=10', 'pfn=11'),
	{headline: '344: pte: recorded pfn=11, model pfn=?', word: 'pfn', setBy: 329});
test(wrong, 'two swap slots swapped', FORKED, all(change(57, 'entry=1', 'entry=2'), change(58, 'entry=2', 'entry=1')),
	{headline: '57: pte: recorded entry=2, model entry=1', word: 'entry', setBy: 48});
test(wrong, 'the anon_vma of the source after a move', ONE, change(49, 'anon_vma=2', 'anon_vma=1'),
	{headline: '49: pte: recorded anon_vma=1, model anon_vma=?', word: 'anon_vma', setBy: 48, decisions: ['rap_page_moved']});

// words of a page
test(wrong, 'a page that fork left writable', COWED, change(42, ' ro ', ' rw '),
	{headline: '42: pte: recorded rw, model ro', word: 'rw', setBy: 40});
test(wrong, 'a page read from swap that is dirty', CACHE, change(66, ' clean ', ' dirty '),
	{headline: '66: pte: recorded dirty, model clean', word: 'dirty', setBy: 65});
test(wrong, 'a young entry in the child', COWED, change(50, ' old ', ' young '),
	{headline: '50: pte: recorded young, model old', word: 'young', setBy: 40});
test(wrong, 'a page that copy-on-write left mapped twice', COWED, change(66, 'mapcount=1', 'mapcount=2'),
	{headline: '66: pte: recorded mapcount=2, model mapcount=1', word: 'mapcount', setBy: 57});
test(wrong, 'the index of the source after a move', ONE, change(49, 'index=268435456', 'index=268697600'),
	{headline: '49: pte: recorded index=268697600, model index=268435456', word: 'index', setBy: 48, decisions: ['rap_page_moved']});
test(wrong, 'a write that changed nothing', ONE, change(74, 'data=6', 'data=5'),
	{headline: '74: pte: recorded data=5, model data=6', word: 'data', setBy: 73});
test(wrong, 'a swap entry that fork did not count', FORKED, change(50, 'swapcount=2', 'swapcount=1'),
	{headline: '50: pte: recorded swapcount=1, model swapcount=2', word: 'swapcount', setBy: 48});
test(wrong, 'a page that left the swap cache', CACHE, change(66, ' swapcache ', ' !swapcache '),
	{headline: '66: pte: recorded !swapcache, model swapcache', word: 'swapcache', setBy: 65});
test(wrong, 'an mlocked page that is not', LOCKED, change(27, ' locked ', ' !locked '),
	{headline: '27: pte: recorded !locked, model locked', word: 'locked', setBy: 25});
test(wrong, 'a source that is still there after a move', ONE, change(51, ',none', ',present'),
	{headline: '51: pte: recorded present, model none', word: 'present', setBy: 48, decisions: ['rap_page_moved']});

// vmas and counters
test(wrong, 'a userfault flag that is not set', ONE, change(28, ' uf ', ' !uf '),
	{headline: '28: vma: recorded !uf, model uf', word: 'uf', setBy: 25, decisions: ['userfault_on']});
test(wrong, 'a flag left out', ONE, change(28, ' ac ', ' '),
	{headline: '28: vma: recorded !ac, model ac', word: 'ac', setBy: 12});
test(wrong, 'other rights', ONE, change(28, 'rw-p', 'r--p'),
	{headline: '28: vma: recorded r--p, model rw-p', word: 'rights', setBy: 12});
test(wrong, 'a vma that ends earlier', ONE, change(28, '0x10000002000', '0x10000001000'),
	{headline: '28: vma: recorded 0x10000000000-0x10000001000, model 0x10000000000-0x10000002000', word: 'vma', setBy: 12});
test(wrong, 'one resident page more', ONE, change(39, 'anon=1', 'anon=2'),
	{headline: '39: rss: recorded anon=2, model anon=1', word: 'anon', setBy: 32});
test(wrong, 'one swapped page less', CACHE, change(47, 'swap=2', 'swap=1'),
	{headline: '47: rss: recorded swap=1, model swap=2', word: 'swap', setBy: 40});
test(wrong, 'two vmas in place of the first one', ONE, change(16, ',,1', ',,2'),
	{headline: '16: map_count: recorded 2, model 1', word: 'count', setBy: 12});
test(wrong, 'one vma more', ONE, change(23, ',2', ',3'),
	{headline: '23: map_count: recorded 3, model 2', word: 'count', setBy: 18});

// rows
test(wrong, 'the write dropped', ONE, drop(32, 'write,,0x10040000000'),
	{headline: '33: pte: recorded present, model none', word: 'present'});
test(wrong, 'the madvise dropped', ONE, drop(25, 'madvise,'),
	{headline: '27: vma: recorded uf, model !uf', word: 'uf'});
// one line up: the page was written at line 31, and there is no fork to take its write permission
test(wrong, 'the fork dropped', COWED, drop(40, 'fork,'),
	{headline: '41: pte: recorded ro, model rw', word: 'ro', setBy: 31});
test(wrong, 'the move dropped', ONE, drop(48, 'remap_anon_pages,'),
	{headline: '48: pte: recorded present, model none', word: 'present'});
test(wrong, 'a write of a long walk dropped', WALK, drop(354, 'write,1,0x10040006000'),
	{headline: '362: pte: recorded present, model none', word: 'present'});
test(wrong, 'the write before the madvise', ONE, exchange(25, 32),
	{headline: '27: pte: recorded none, model present', word: 'none', setBy: 25});
test(wrong, 'the read before the move', ONE, exchange(48, 56),
	{headline: '48: read: recorded ok, model SIGBUS@0x10000000000', word: 'result', decisions: ['userfault_read']});

// One change of each kind in every recording: nothing before it has changed, so it must be found where it is

const opposite: readonly (readonly [RegExp, string])[] = [
	[/\brw\b(?!-)/, 'ro'], [/\bro\b/, 'rw'], [/\bdirty\b/, 'clean'], [/\bclean\b/, 'dirty'], [/ !swapcache/, ' swapcache'], [/ swapcache/, ' !swapcache'], [/ !locked/, ' locked'],
	[/ locked/, ' !locked'], [/(?<=mapcount=)1\b/, '2'], [/(?<=index=)\d+/, '77'], [/(?<=data=)\d+/, '7777'], [/(?<=swapcount=)\d+/, '9'], [/(?<=\d,)none$/, 'present'],
	[/ !uf/, ' uf'], [/ uf/, ' !uf'], [/ wr /, ' '], [/(?<=anon=)\d+/, '9999'], [/(?<=swap=)\d+$/, '9999'], [/(?<=^map_count,\d,{7})\d+$/, '9999'],
	[/,SIGBUS@/, ',SIGSEGV@'], [/,-E[A-Z]+$/, ',-ENODEV'], [/,ok$/, ',SIGSEGV'],
];

const everywhere = test.macro({
	title: (_, revision: string) => `a word changed in any recording of ${revision}/base is reported at its own row, and nothing before it`,
	async exec(t, revision: string) {
		let changes = 0;
		for (const [number, name] of tracesBelow(inRoot('traces/recorded', revision, 'base')).entries()) {
			const lines = traceText(recorded(`${revision}/base/${name}`)).split('\n'), first = lines.findIndex(line => /^(mmap|madvise|write|read),/.test(line));
			// two kinds of change a recording, in turn, each at the last row that it fits
			for (const [from, to] of [0, 1].map(i => opposite[(2 * number + i) % opposite.length]!)) {
				const at = lines.findLastIndex((line, i) => i >= first && from.test(line));
				if (at < 0) continue;
				changes++;
				const stdin = lines.with(at, lines[at]!.replace(from, to)).join('\n');
				const {differences, status} = JSON.parse((await replay(['--format', 'json', '-'], {stdin})).stdout) as {differences: Difference[], status: number};
				t.deepEqual([status, differences[0]?.line], [1, at + 1], `${name}: ${lines[at]} with ${to}`);
			}
		}
		t.true(changes >= 150, `${changes} changes`);
	},
});
test(everywhere, '2013-05');
test(everywhere, '2014-10');
