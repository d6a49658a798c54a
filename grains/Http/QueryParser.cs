using System.Collections.Immutable;

namespace JitGrains.Http;

/// <summary>Reads a query as <c>application/x-www-form-urlencoded</c> (WHATWG URL): ampersands part, a plus is a space.</summary>
internal static class QueryParser
{
    public static CanonicalRefusal? Parse(string query, out ImmutableArray<QueryParameter> parameters)
    {
        parameters = [];
        if (query.Length < 2)
            return null;
        var list = ImmutableArray.CreateBuilder<QueryParameter>();
        var rest = query.AsSpan(1);
        foreach (var range in rest.Split('&'))
        {
            var piece = rest[range];
            if (piece.IsEmpty)
                continue;
            if (ReadPair(piece, out var parameter) is { } refusal)
                return refusal;
            list.Add(parameter);
            if (OverridesMethod(piece))
                return Refusals.MethodParameter;
        }

        parameters = list.DrainToImmutable();
        return null;
    }

    private static CanonicalRefusal? ReadPair(ReadOnlySpan<char> piece, out QueryParameter parameter)
    {
        parameter = default;
        var equals = piece.IndexOf('=');
        if (DecodePart(equals < 0 ? piece : piece[..equals], out var name) is { } badName)
            return badName;
        string? value = null;
        if (equals >= 0 && DecodePart(piece[(equals + 1)..], out value) is { } badValue)
            return badValue;
        parameter = new QueryParameter(name, value);
        return null;
    }

    private static CanonicalRefusal? DecodePart(ReadOnlySpan<char> part, out string decoded)
    {
        if (!part.ContainsAny('%', '+'))
        {
            decoded = part.ToString();
            return null;
        }

        if (PercentCoding.Decode(part, plusIsSpace: true, out decoded) is { } malformed)
            return malformed;
        return PercentCoding.HasControl(decoded) ? Refusals.ControlCharacter : null;
    }

    /// <summary>
    /// Whether some framework would see a parameter named _method here: one that also parts at semicolons, or one
    /// that, like PHP, drops leading spaces and turns spaces, dots and brackets in names into underscores.
    /// </summary>
    private static bool OverridesMethod(ReadOnlySpan<char> piece)
    {
        foreach (var range in piece.Split(';'))
        {
            var part = piece[range];
            var name = part.IndexOf('=') is var equals and >= 0 ? part[..equals] : part;
            // The shortest spelling has seven characters; the usual piece is told apart without decoding.
            if (name.Length < 7 || PercentCoding.DecodeLoosely(name, out var decoded) is not null)
                continue;
            var bare = decoded.AsSpan().TrimStart(" +");
            if (bare.Length >= 7 && bare[0] is '_' or '.' or '[' && bare[1..].StartsWith("method", StringComparison.OrdinalIgnoreCase)
                && (bare.Length == 7 || bare[7] == '['))
            {
                return true;
            }
        }

        return false;
    }
}
