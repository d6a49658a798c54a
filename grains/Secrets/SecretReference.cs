using System.Diagnostics.CodeAnalysis;

namespace JitGrains.Secrets;

/// <summary>Where a reference leads.</summary>
public enum SecretPlace
{
    /// <summary>A variable of the process' environment.</summary>
    Environment,

    /// <summary>A file.</summary>
    File,

    /// <summary>A secret in an Azure key vault.</summary>
    AzureKeyVault,
}

/// <summary>
/// The name of a secret that is kept elsewhere: <c>env:NAME</c>, <c>file:/path</c> or
/// <c>azure-key-vault:https://vault.vault.azure.net/secrets/name</c>. No secret itself. Immutable and thread-safe.
/// </summary>
public sealed record SecretReference
{
    private const string Env = "env:";
    private const string File = "file:";
    private const string Vault = "azure-key-vault:";

    private SecretReference(string text, SecretPlace place, string rest) => (Text, Place, Rest) = (text, place, rest);

    /// <summary>The whole reference.</summary>
    public string Text { get; }

    /// <summary>Where it leads.</summary>
    public SecretPlace Place { get; }

    /// <summary>The variable's name, the file's path or the secret's address.</summary>
    public string Rest { get; }

    /// <summary>Reads a reference; one that could mean two things, as a path with dots in it, is none.</summary>
    /// <param name="text">The text.</param>
    /// <param name="reference">The reference.</param>
    /// <param name="problem">What is wrong with it.</param>
    public static bool TryParse(string text, [NotNullWhen(true)] out SecretReference? reference, [NotNullWhen(false)] out string? problem)
    {
        reference = null;
        problem = "a reference to a secret is env:NAME, file:/path or azure-key-vault:https://NAME.vault.azure.net/secrets/NAME; the secret itself is never in policy";
        if (text.StartsWith(Env, StringComparison.Ordinal) && IsVariable(text[Env.Length..]))
            reference = new SecretReference(text, SecretPlace.Environment, text[Env.Length..]);
        else if (text.StartsWith(File, StringComparison.Ordinal) && IsPath(text[File.Length..]))
            reference = new SecretReference(text, SecretPlace.File, text[File.Length..]);
        else if (text.StartsWith(Vault, StringComparison.Ordinal) && IsVaultSecret(text[Vault.Length..]))
            reference = new SecretReference(text, SecretPlace.AzureKeyVault, text[Vault.Length..]);
        if (reference is null)
            return false;
        problem = null;
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => Text;

    private static bool IsVariable(string name) =>
        name.Length is > 0 and <= 256 && !char.IsAsciiDigit(name[0]) && name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_');

    private static bool IsPath(string path) =>
        path.Length is > 1 and <= 1024 && path[0] == '/' && path.All(c => c is > ' ' and not ('*' or '\\' or '\u007f'))
        && path[1..].Split('/').All(s => s is not ("" or "." or ".."));

    /// <summary>The vault's host, then <c>secrets</c>, a name and maybe a version.</summary>
    private static bool IsVaultSecret(string address) =>
        address.Length <= 512
        && Uri.TryCreate(address, UriKind.Absolute, out var uri) && uri.Scheme == "https" && uri.UserInfo.Length == 0 && uri.OriginalString == uri.AbsoluteUri
        && uri.AbsolutePath.Split('/') is ["", "secrets", { Length: > 0 and <= 127 }] or ["", "secrets", { Length: > 0 and <= 127 }, { Length: > 0 and <= 64 }]
        && uri.AbsolutePath.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '-') && uri.Query.Length == 0 && uri.Fragment.Length == 0;
}
