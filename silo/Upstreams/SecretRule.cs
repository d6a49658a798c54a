using JitGrains.Secrets;

namespace JitGrains.Silo.Upstreams;

/// <summary>Which secrets policy may name, and whom they may be sent to. Writing policy is not reading secrets: this is configuration.</summary>
public sealed class SecretRule
{
    /// <summary>A reference, or with a star at its end all that begin so: <c>env:ORDERS_KEY</c>, <c>file:/run/secrets/*</c>.</summary>
    public string Reference { get; set; } = "";

    /// <summary>
    /// Upstreams (and token addresses) by scheme, host and port: <c>https://orders.example.com</c>, with a star for the first part of
    /// a host (<c>https://*.example.com</c>), or a star alone for all.
    /// </summary>
    public IList<string> Upstreams { get; } = [];

    /// <summary>Whether the secret is one of these.</summary>
    public bool Names(SecretReference reference) =>
        Reference.EndsWith('*') ? reference.Text.StartsWith(Reference[..^1], StringComparison.Ordinal) : reference.Text == Reference;

    /// <summary>Whether it may be sent there.</summary>
    public bool Admits(Uri address) => Upstreams.Any(u => Admits(u, address));

    /// <summary>Everything that is wrong with it.</summary>
    internal IEnumerable<string> Problems()
    {
        if (Reference.EndsWith('*')
            ? !SecretReference.TryParse(Reference[..^1].TrimEnd('/') is { Length: > 0 } begin && !begin.EndsWith(':') ? begin : "", out _, out _)
            : !SecretReference.TryParse(Reference, out _, out _))
        {
            yield return $"Secrets: '{Reference}' is no reference (env:NAME, file:/path, azure-key-vault:https://NAME.vault.azure.net/secrets/NAME), nor the beginning of one with a star.";
        }

        if (Upstreams.Count == 0)
            yield return $"Secrets: '{Reference}' names no Upstreams that it may be sent to.";
        foreach (var upstream in Upstreams)
        {
            if (upstream != "*" && Split(upstream) is null)
                yield return $"Secrets: '{upstream}' is no upstream; write scheme, host and maybe port, such as https://orders.example.com.";
        }
    }

    private static bool Admits(string upstream, Uri address)
    {
        if (upstream == "*")
            return true;
        if (Split(upstream) is not var (uri, isWild) || uri.Scheme != address.Scheme || uri.Port != address.Port)
            return false;
        return isWild
            ? address.IdnHost.EndsWith(uri.IdnHost["star".Length..], StringComparison.OrdinalIgnoreCase) && address.IdnHost.Length > uri.IdnHost.Length - "star".Length
            : string.Equals(uri.IdnHost, address.IdnHost, StringComparison.OrdinalIgnoreCase);
    }

    private static (Uri Uri, bool IsWild)? Split(string upstream)
    {
        var isWild = upstream.Contains("://*.", StringComparison.Ordinal);
        var text = isWild ? upstream.Replace("://*.", "://star.", StringComparison.Ordinal) : upstream;
        return !text.Contains('*', StringComparison.Ordinal) && Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"
            && uri.UserInfo.Length == 0 && uri.PathAndQuery == "/" && uri.Fragment.Length == 0 && uri.Host.Length > 0
            ? (uri, isWild)
            : null;
    }
}
