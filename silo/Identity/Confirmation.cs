using System.Collections.Immutable;
using System.Text.Json;

namespace JitGrains.Silo.Identity;

/// <summary>What a token is bound to (<c>cnf</c>, RFC 7800): whoever presents it must prove to hold it. Immutable.</summary>
/// <param name="Certificate">The client certificate, as <c>x5t#S256</c> of RFC 8705; null where none is asked for.</param>
/// <param name="Key">The key of DPoP proofs, as <c>jkt</c> of RFC 9449; null where none is asked for.</param>
public sealed record Confirmation(string? Certificate, string? Key)
{
    /// <summary>Reads the claim; false where it asks for something that cannot be checked here, which is no reason to do without.</summary>
    public static bool TryRead(ImmutableDictionary<string, JsonElement> claims, out Confirmation? bound)
    {
        bound = null;
        if (!claims.TryGetValue("cnf", out var cnf))
            return true;
        if (cnf.ValueKind != JsonValueKind.Object)
            return false;
        string? certificate = null, key = null;
        foreach (var member in cnf.EnumerateObject())
        {
            if (member.Value.ValueKind != JsonValueKind.String || member.Value.GetString() is not { Length: > 0 } value)
                return false;
            switch (member.Name)
            {
                case "x5t#S256":
                    certificate = value;
                    break;
                case "jkt":
                    key = value;
                    break;
                default:
                    return false;
            }
        }

        bound = new Confirmation(certificate, key);
        return certificate is not null || key is not null;
    }
}
