import {existsSync, readFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import type {TraceReport} from '../tools/lib/report.ts';
import {known} from './known.ts';
import {inRoot, replay, reports, temporaryFolder, tracesBelow, traceText} from './lib/tool.ts';

const all = tracesBelow(inRoot('traces')).map(name => path.join('traces', name));
const folders = [...new Set(all.map(name => path.dirname(name)))];

/** What went wrong with a trace, as far as an assertion should show. */
function complaint({file, error, differences}: TraceReport): string {
	return error ?? `${file}: ${differences.map(({line, recorded, model}) => `line ${line}: recorded ${recorded}, model ${model}`).join('; ')}`;
}

/** The complaints of a sweep, which must have seen every trace that it was given. */
async function complaints(files: readonly string[]): Promise<string[]> {
	const found = await reports(files);
	if (found.length !== files.length || found.length === 0) return [`${found.length} reports of ${files.length} traces`];
	return found.filter(({status}) => status !== 0).map(complaint);
}

// All traces of the project

const sweep = test.macro({
	title: (_, folder: string) => `every trace in ${folder} agrees, but for those known to be wrong`,
	async exec(t, folder: string) {
		const traces = all.filter(name => path.dirname(name) === folder && !Object.hasOwn(known, name)).map(name => inRoot(name));
		t.deepEqual(await complaints(traces), []);
	},
});
for (const folder of folders) test(sweep, folder);

const knownToBeWrong = test.macro({
	title: (_, name: string, reason: string) => `${name} agrees (known to be wrong: ${reason})`,
	async exec(t, name: string, _reason: string) {
		t.deepEqual(await complaints([inRoot(name)]), []);
	},
});
for (const [name, reason] of Object.entries(known)) test.failing(knownToBeWrong, name, reason);

test('each trace known to be wrong is there, with a reason', t => {
	t.deepEqual(Object.entries(known).filter(([name, reason]) => !all.includes(name) || reason.trim() === ''), []);
});

test('a sweep over an empty folder is an error, not agreement', async t => {
	const folder = temporaryFolder(t);
	t.deepEqual(await replay([folder]), {status: 2, stdout: `unusable ${folder}\n`, stderr: `${folder}: expected traces (*.csv, *.csv.gz), found none in the folder\n`});
	t.deepEqual(await complaints([]), ['0 reports of 0 traces']);
});

test('a sweep over traces/ sees every trace below it', async t => {
	const found = await reports([inRoot('traces')]);
	t.deepEqual(found.map(({file}) => path.relative(inRoot(), file)).sort(), [...all].sort());
});

// The recordings: data of running kernels

const corpus = test.macro({
	title: (_, revision: string) => `traces/recorded/${revision} has the 150 recordings of base/ and at least 30 walks, each of that revision`,
	async exec(t, revision: string) {
		const base = tracesBelow(inRoot('traces/recorded', revision, 'base')), walks = tracesBelow(inRoot('traces/recorded', revision, 'walks-base'));
		t.is(base.length, 150);
		t.true(walks.length >= 30, `${walks.length} walks`);
		const found = await reports(['base', 'walks-base'].map(name => inRoot('traces/recorded', revision, name)));
		t.deepEqual(found.filter(report => report.revision !== revision), []);
	},
});
test(corpus, '2013-05');
test(corpus, '2014-10');

const shared = inRoot('../shared/recorded');
const sharedFolders = ['2013-05/base', '2013-05/walks-base', '2014-10/base', '2014-10/walks-base'];
const isShared = existsSync(shared);

const sharedSweep = test.macro({
	title: (_, folder: string) => isShared
		? `every recording in ../shared/recorded/${folder} agrees`
		: `every recording in ../shared/recorded/${folder} agrees (SKIPPED: the folder is not beside this checkout)`,
	async exec(t, folder: string) {
		if (!isShared) {
			t.log(`skipped: ${shared} is not there`);
			t.pass();
			return;
		}
		t.deepEqual(await complaints(tracesBelow(path.join(shared, folder)).map(name => path.join(shared, folder, name))), []);
	},
});
for (const folder of sharedFolders) test(sharedSweep, folder);

const copies = test.macro({
	title: (_, folder: string) => `the recordings in traces/recorded/${folder} are those of ../shared${isShared ? '' : ' (SKIPPED: the folder is not beside this checkout)'}`,
	exec(t, folder: string) {
		if (!isShared) {
			t.log(`skipped: ${shared} is not there`);
			t.pass();
			return;
		}
		const here = inRoot('traces/recorded', folder), there = path.join(shared, folder), names = tracesBelow(here);
		t.deepEqual(names.filter(name => !existsSync(path.join(there, name)) || !readFileSync(path.join(here, name)).equals(readFileSync(path.join(there, name)))), []);
		if (folder.endsWith('/base')) t.deepEqual(names, tracesBelow(there));
	},
});
for (const folder of sharedFolders) test(copies, folder);

// The traces written for this project: one claim each

interface Written {
	readonly name: string;
	/** What the trace says of itself: its first comment. */
	readonly claim: string;
	readonly revision: string;
	/** It says how its result is known: L, P, K or I. */
	readonly hasLetter: boolean;
	/** Without configuration, comments and header, as the tool counts them. */
	readonly rows: number;
	/** Rows that have a result, so that there is something to check. */
	readonly checked: number;
}

function read(name: string): Written {
	const text = traceText(inRoot(name)), lines = text.split(/\r?\n/), comment = lines.find(line => /^#(?!observe)/.test(line)) ?? '';
	const rows = lines.filter(line => line !== '' && !line.startsWith('#')).slice(1).filter(line => !line.startsWith('config,'));
	const revision = /^config,,revision,(.+)$/m.exec(text)?.[1] ?? '2013-05', hasLetter = /^# (?:Source: )?[LPKI]\b/m.test(text);
	return {name, claim: comment.replace(/^#\s*/, ''), revision, hasLetter, rows: rows.length, checked: rows.filter(row => /[^,?]$/.test(row)).length};
}

function written(folder: string): Written[] {
	return all.filter(name => name.startsWith(`traces/${folder}/`)).map(read);
}

/** The letter's two uses of the patch as a whole, at least 256 pages, and a huge page with a token for each part: they need more rows than a claim does. */
function isLong({name}: Written): boolean {
	return /postcopy|demand-paging|^ksm-leaves-huge-page/.test(path.basename(name));
}

const small = test.macro({
	title: (_, folder: string) => `each trace in traces/${folder} begins with a claim of its own, has a letter, checks something, and has fewer than 100 rows, but for postcopy and demand paging`,
	exec(t, folder: string) {
		// one claim may be made of each posting
		const traces = written(folder), claims = traces.map(({claim, revision}) => `${revision}: ${claim}`);
		t.true(traces.length > 0, `no traces in traces/${folder}`);
		t.deepEqual(traces.filter(({claim}) => !/\w+ \w+/.test(claim)).map(({name}) => name), [], 'no claim');
		t.deepEqual(claims.filter((claim, i) => claims.indexOf(claim) !== i), [], 'the same claim twice');
		t.deepEqual(traces.filter(({hasLetter}) => !hasLetter).map(({name}) => name), [], 'no letter');
		t.deepEqual(traces.filter(({checked}) => checked === 0).map(({name}) => name), [], 'nothing is checked');
		const long = traces.filter(({rows}) => rows >= 100);
		t.deepEqual(long.filter(trace => !isLong(trace)).map(({name, rows}) => `${name}: ${rows} rows`), []);
		t.true(long.length <= 3, `${long.length} long traces`);
	},
});
for (const folder of ['2013-05', '2014-10', 'findings', 'base-kernel']) test(small, folder);

const forty = test.macro({
	title: (_, revision: string) => `traces/${revision} has at least 40 traces, each of that revision`,
	async exec(t, revision: string) {
		const traces = written(revision);
		t.true(traces.length >= 40, `${traces.length} traces`);
		const found = await reports(traces.map(({name}) => inRoot(name)));
		t.deepEqual(found.filter(report => report.revision !== revision).map(({file}) => file), []);
	},
});
test(forty, '2013-05');
test(forty, '2014-10');

const pages = test.macro({
	title: (_, revision: string) => `traces/${revision} has the letter's uses: postcopy of at least 256 pages, and demand paging with pages that are sent back and fetched again`,
	exec(t, revision: string) {
		const texts = written(revision).map(({name}) => traceText(inRoot(name)));
		const moves = (text: string) => text.split('\n').filter(line => line.startsWith('remap_anon_pages,'));
		t.true(texts.some(text => new Set(moves(text).map(line => line.split(',')[2])).size >= 256), 'no postcopy');
		// sent and dropped, then moved there once more
		t.true(texts.some(text => text.split('\n').some((line, i, lines) => {
			const [event, , address, , advice] = line.split(',');
			if (event !== 'madvise' || advice !== 'MADV_DONTNEED') return false;
			const isMove = (other: string) => other.startsWith('remap_anon_pages,') && other.split(',')[2] === address;
			return lines.slice(0, i).some(isMove) && lines.slice(i).some(isMove);
		})), 'no demand paging');
	},
});
test(pages, '2013-05');
test(pages, '2014-10');
