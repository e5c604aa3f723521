import { describe, expect, it } from '@jest/globals';
import { mark, parseComment, unmark } from './swap-comment.ts';

const operationId = '0b3f8f0e-8f0c-4f57-9d43-7f1d7f2b4a10';
const other = '1b3f8f0e-8f0c-4f57-9d43-7f1d7f2b4a11';

describe('a comment on a database', () => {
  it.each([null, 'The forum', 'two\nlines', 'ends with a break\n', '[Holdfast: my favourite]'])(
    'of the user (%j) comes back as it was once the marker goes',
    (comment) => {
      const marked = mark(comment, { kind: 'closed', operationId }, []);
      expect(parseComment(marked).markers).toEqual([{ kind: 'closed', operationId }]);
      expect(unmark(marked, ['closed'])).toBe(comment);
    },
  );

  it('keeps what an earlier operation wrote while a later one is under way', () => {
    const restored = mark('The forum', { kind: 'restored', operationId: other }, ['restored']);
    const closed = mark(restored, { kind: 'closed', operationId }, []);
    expect(parseComment(closed).markers.map(({ kind }) => kind)).toEqual(['restored', 'closed']);
    expect(unmark(closed, ['closed'])).toBe(restored);
  });

  it('tells the last swap alone', () => {
    const first = mark(null, { kind: 'restored', operationId: other }, ['restored']);
    const second = mark(first, { kind: 'restored', operationId }, ['restored']);
    expect(parseComment(second)).toEqual({ text: null, markers: [{ kind: 'restored', operationId }] });
  });

  it('takes nothing for a marker that stands elsewhere', () => {
    const comment = `[Holdfast: kept by ${operationId}] and more`;
    expect(parseComment(comment)).toEqual({ text: comment, markers: [] });
  });
});
