using System.Buffers;
using System.Collections.Immutable;
using JitGrains.Unicode;

namespace JitGrains.Http;

/// <summary>
/// A path as a sloppier server might read it: decoded as often as it takes, in Unicode form KC, case-folded, without path
/// parameters, empty segments, and spaces and dots at the end of a segment; cut at what decodes to <c>?</c> or <c>#</c>.
/// Two targets that differ strictly and agree loosely may be one and the same upstream. Stateless and thread-safe.
/// </summary>
public static class LooseForm
{
    private const int MaxRounds = 4;

    // Characters that the loose form of a segment keeps; a dot only where it is not at the end.
    private static readonly SearchValues<char> Unchanged = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-_~!$&'()*+,=:@.|[]");

    /// <summary>The loose form of a template's literal segment, to compare with <see cref="CanonicalRequest.LooseSegments"/>.</summary>
    public static string OfLiteral(string literal) => Fold(UnicodeForm.ComposeCompatible(literal)).TrimEnd('.', ' ');

    /// <summary>Whether a segment that was decoded once is its own loose form.</summary>
    internal static bool Keeps(string decoded) => decoded.Length > 0 && decoded[^1] != '.' && !decoded.AsSpan().ContainsAnyExcept(Unchanged);

    private static string Fold(string text) => text.ToUpperInvariant().ToLowerInvariant();

    /// <summary>Collects the loose segments of one path.</summary>
    internal sealed class Builder
    {
        private readonly ImmutableArray<string>.Builder _segments;
        private bool _cut;

        /// <param name="before">Segments that are their own loose form (<see cref="Keeps"/>).</param>
        /// <param name="capacity">How many there will be, about.</param>
        public Builder(ReadOnlySpan<string> before, int capacity)
        {
            _segments = ImmutableArray.CreateBuilder<string>(capacity);
            _segments.AddRange(before);
        }

        /// <summary>Adds a segment that was decoded once; refuses what no reading may turn into another path.</summary>
        public CanonicalRefusal? Add(string decoded)
        {
            if (decoded.Length == 0)
                return null;
            if (Keeps(decoded))
            {
                Append(decoded);
                return null;
            }

            if (Unravel(decoded, out var text) is { } refusal)
                return refusal;
            var end = text.AsSpan().IndexOfAny('?', '#');
            foreach (var part in (end < 0 ? text : text[..end]).Split('/'))
            {
                var name = part.IndexOf(';', StringComparison.Ordinal) is var parameters and >= 0 ? part[..parameters] : part;
                name = name.Trim(' ');
                var kept = name.TrimEnd('.', ' ');
                if (kept.Length == 0 && name.Length > 0)
                    return Refusals.DotSegment;
                if (kept.Length > 0)
                    Append(Fold(kept));
            }

            _cut |= end >= 0;
            return null;
        }

        /// <summary>The segments.</summary>
        public ImmutableArray<string> ToImmutable() => _segments.DrainToImmutable();

        private void Append(string segment)
        {
            if (!_cut)
                _segments.Add(segment);
        }

        private static CanonicalRefusal? Unravel(string decoded, out string text)
        {
            text = UnicodeForm.ComposeCompatible(decoded);
            for (var round = 0; PercentCoding.HasEscape(text); round++)
            {
                if (round == MaxRounds)
                    return Refusals.NestedEncoding;
                if (PercentCoding.DecodeLoosely(text, out var next) is { } malformed)
                    return malformed;
                text = UnicodeForm.ComposeCompatible(next);
            }

            if (PercentCoding.HasControl(text))
                return Refusals.ControlCharacter;
            return text.Contains('\\', StringComparison.Ordinal) ? Refusals.EncodedBackslash : null;
        }
    }
}
