using System.Collections.Immutable;

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
        var strictly = ImmutableArray.CreateBuilder<PathSegment>(count);
        var names = ImmutableArray.CreateBuilder<string>(count);
        var loosely = new LooseForm.Builder(count);
        for (var start = 1; start <= path.Length;)
        {
            var end = path.IndexOf('/', start);
            var isLast = end < 0;
            var raw = isLast ? path[start..] : path[start..end];
            if (raw.Length == 0 && !isLast)
                return Refusals.EmptySegment;
            if (ReadSegment(raw, loosely, out var segment) is { } refusal)
                return refusal;
            strictly.Add(segment);
            names.Add(segment.Decoded);
            start = isLast ? path.Length + 1 : end + 1;
        }

        segments = strictly.MoveToImmutable();
        decoded = names.MoveToImmutable();
        loose = loosely.ToImmutable();
        return null;
    }

    private static CanonicalRefusal? ReadSegment(string raw, LooseForm.Builder loosely, out PathSegment segment)
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
        if (segment.Decoded.StartsWith(';'))
            return Refusals.EmptySegment;
        return loosely.Add(segment.Decoded);
    }
}
