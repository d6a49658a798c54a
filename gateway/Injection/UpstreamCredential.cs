using System.Text;
using JitGrains.Policy;

namespace JitGrains.Gateway.Injection;

/// <summary>What an upstream is to know the gateway by, with its secret. Immutable.</summary>
internal sealed class UpstreamCredential
{
    /// <summary>A shorter one is met by chance in what has nothing to do with it.</summary>
    private const int LeastEcho = 8;

    private readonly string[] echoes;

    private UpstreamCredential(string? header, string? parameter, SecretText value, params string[] parts)
    {
        (Header, Parameter, Value) = (header, parameter, value);
        echoes = [.. parts.Append(value.Reveal()).SelectMany(p => new[] { p, Uri.EscapeDataString(p) }).Where(p => p.Length >= LeastEcho).Distinct(StringComparer.Ordinal)];
    }

    /// <summary>The header that it goes in, or null.</summary>
    public string? Header { get; }

    /// <summary>The query parameter that it goes in, or null.</summary>
    public string? Parameter { get; }

    /// <summary>The header's or parameter's value.</summary>
    public SecretText Value { get; }

    public static UpstreamCredential? OfHeader(HeaderCredential definition, string secret) =>
        IsHeaderText(secret) ? new(definition.Name, null, new SecretText(definition.Prefix + secret), secret) : null;

    public static UpstreamCredential OfQuery(QueryCredential definition, string secret) => new(null, definition.Name, new SecretText(secret));

    public static UpstreamCredential OfBasic(BasicCredential definition, string password)
    {
        var encoded = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{definition.User}:{password}"));
        return new("authorization", null, new SecretText("Basic " + encoded), encoded, password);
    }

    public static UpstreamCredential OfToken(string token) => new("authorization", null, new SecretText("Bearer " + token), token);

    /// <summary>Whether a header can have this value: visible characters and spaces.</summary>
    public static bool IsHeaderText(string text) => text.Length > 0 && text.All(c => c is >= ' ' and <= '~');

    /// <summary>Whether the secret is in a text, as it is or escaped.</summary>
    public bool IsIn(string? text)
    {
        if (text is null)
            return false;
        foreach (var echo in echoes)
        {
            if (text.Contains(echo, StringComparison.Ordinal))
                return true;
        }

        return false;
    }

    public override string ToString() => Value.ToString();
}
