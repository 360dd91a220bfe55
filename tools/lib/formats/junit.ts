import {headline, type TraceReport} from '../report.ts';
import type {Format} from './format.ts';

const entities: Readonly<Record<string, string>> = {'&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\n': '&#10;', '\t': '&#9;'};

/** Text for an attribute or an element; what XML 1.0 cannot hold becomes a question mark. */
function escaped(text: string): string {
	return text.replace(/[^\t\n\u0020-\uD7FF\uE000-\uFFFD]/g, '?').replace(/[&<>"\n\t]/g, character => entities[character]!);
}

function body({file, differences, error, status}: TraceReport): string {
	if (error !== null) return `      <error type="${status === 2 ? 'unusable input' : 'model bug'}" message="${escaped(error)}"/>\n`;
	return differences.map(difference => {
		const why = [...difference.reasons, ...difference.setBy?.reasons ?? []].map(reason => `${reason.decision}: ${reason.why}`).join('\n');
		return `      <failure type="${escaped(difference.word)}" message="${escaped(headline(file, difference))}">${escaped(`${difference.row}\n${why}`)}</failure>\n`;
	}).join('');
}

/** JUnit XML: one suite, one test case a trace. It is printed at the end, since its head has the totals. */
export function junit(): Format {
	return {
		trace: () => '',
		end(reports) {
			const failures = reports.filter(({status}) => status === 1).length, errors = reports.filter(({status}) => status > 1).length;
			const cases = reports.map(report => `    <testcase classname="replay" name="${escaped(report.file)}" assertions="${report.rows}">\n${body(report)}    </testcase>\n`);
			const totals = `tests="${reports.length}" failures="${failures}" errors="${errors}"`;
			return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ${totals}>\n  <testsuite name="replay" ${totals}>\n${cases.join('')}  </testsuite>\n</testsuites>\n`;
		},
	};
}
