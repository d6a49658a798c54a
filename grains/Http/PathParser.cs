using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace JitGrains.Http;

/// <summary>Reads a path, strictly and loosely at once.</summary>
internal static class PathParser
{
    public static CanonicalRefusal? Parse(string path, out ImmutableArray<PathSegment> segments, out ImmutableArray<string> decoded, out ImmutableArray<string> loose)
    {
        segments = [];
        decoded = [];
        loose = [];
        if (path.Length == 1)
            return null;

        var count = path.AsSpan().Count('/');
        var (strictly, names) = (new PathSegment[count], new string[count]);
        LooseForm.Builder? loosely = null;
        for (var (start, n) = (1, 0); start <= path.Length; n++)
        {
            var end = path.IndexOf('/', start);
            var isLast = end < 0;
            var raw = isLast ? path[start..] : path[start..end];
            if (raw.Length == 0 && !isLast)
                return Refusals.EmptySegment;
            if (ReadSegment(raw, out strictly[n]) is { } refusal)
                return refusal;
            var name = names[n] = strictly[n].Decoded;
            // In nearly all paths every segment is its own loose form: then both are one.
            if (loosely is null && !LooseForm.Keeps(name))
                loosely = new LooseForm.Builder(names.AsSpan(0, n), count);
            if (loosely?.Add(name) is { } ambiguous)
                return ambiguous;
            start = isLast ? path.Length + 1 : end + 1;
        }

        segments = ImmutableCollectionsMarshal.AsImmutableArray(strictly);
        decoded = ImmutableCollectionsMarshal.AsImmutableArray(names);
        loose = loosely?.ToImmutable() ?? decoded;
        return null;
    }

    private static CanonicalRefusal? ReadSegment(string raw, out PathSegment segment)
    {
        segment = new PathSegment(raw, raw, HasEncodedSlashOrPercent: false);
        if (raw.Contains('%', StringComparison.Ordinal))
        {
            if (PercentCoding.Decode(raw, plusIsSpace: false, out var decoded) is { } malformed)
                return malformed;
            if (PercentCoding.HasControl(decoded))
                return Refusals.ControlCharacter;
            if (decoded.Contains('\\', StringComparison.Ordinal))
                return Refusals.EncodedBackslash;
            segment = new PathSegment(raw, decoded, decoded.AsSpan().ContainsAny('/', '%'));
        }

        // "/;x" is a segment with parameters and no name, which many servers drop.
        return segment.Decoded.StartsWith(';') ? Refusals.EmptySegment : null;
    }
}
