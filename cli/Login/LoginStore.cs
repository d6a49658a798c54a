using System.Text.Json;
using JitGrains.Json;

namespace JitGrains.Cli.Login;

/// <summary>What <c>jit login</c> keeps: for which servers, and how to get on from there.</summary>
internal sealed record StoredLogin
{
    /// <summary>The control plane.</summary>
    public required string Control { get; init; }

    /// <summary>The gateway that goes with it.</summary>
    public required string Gateway { get; init; }

    /// <summary>The provider's realm.</summary>
    public required string Realm { get; init; }

    /// <summary>Where tokens are refreshed.</summary>
    public required string TokenEndpoint { get; init; }

    /// <summary>As whom.</summary>
    public required string ClientId { get; init; }

    /// <summary>The resource that is named there, or null.</summary>
    public string? Resource { get; init; }

    /// <summary>Which token calls carry: <c>access_token</c> or <c>id_token</c>.</summary>
    public required string Use { get; init; }

    /// <summary>That token.</summary>
    public required string Token { get; init; }

    /// <summary>For new ones, or null.</summary>
    public string? RefreshToken { get; init; }

    /// <summary>Until when the token is good.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>Whether it is for this server, and for no other: a token goes to nobody but whom it was got for.</summary>
    public bool IsFor(Uri server) => server.AbsoluteUri == Control || server.AbsoluteUri == Gateway;

    /// <summary>Nothing of the tokens.</summary>
    public override string ToString() => $"login at {Control}";
}

/// <summary>The file with the logins: in the user's configuration folder, readable by nobody else.</summary>
internal sealed class LoginStore(CliHost host)
{
    private const int LargestFile = 1024 * 1024;
    private const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    /// <summary>Its path: <c>$XDG_CONFIG_HOME/jit/logins.json</c>, <c>~/.config/jit/logins.json</c>, or in <c>%APPDATA%</c>; null where there is no home.</summary>
    public string? FilePath
    {
        get
        {
            var folder = NonEmpty("XDG_CONFIG_HOME") ?? (OperatingSystem.IsWindows() ? NonEmpty("APPDATA") : NonEmpty("HOME") is { } home ? Path.Combine(home, ".config") : null);
            return folder is null || !Path.IsPathRooted(folder) ? null : Path.Combine(folder, "jit", "logins.json");
        }
    }

    /// <summary>The logins; none where there is no file. A file that others can read is not used.</summary>
    public IReadOnlyList<StoredLogin> Read(out string problem)
    {
        problem = "";
        if (FilePath is not { } path || !File.Exists(path))
            return [];
        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & Others) != UnixFileMode.None)
        {
            problem = $"{path} can be read by others: chmod 600 it, or log in anew";
            return [];
        }

        var bytes = InputFiles.Read(path, LargestFile, out problem);
        try
        {
            return bytes is null ? [] : JsonSerializer.Deserialize<Document>(bytes, JitJson.Options)?.Logins ?? [];
        }
        catch (JsonException)
        {
            // Its text is not quoted: there are tokens in it.
            problem = $"{path} is not a file of logins; delete it, and log in anew";
            return [];
        }
    }

    /// <summary>Puts a login in the place of the one for the same control plane.</summary>
    public void Save(StoredLogin login) => Write([.. Read(out _).Where(l => l.Control != login.Control), login]);

    /// <summary>Forgets the login for a control plane, or all; those that were there.</summary>
    public IReadOnlyList<StoredLogin> Forget(Uri? control)
    {
        var all = Read(out _);
        var gone = all.Where(l => control is null || l.Control == control.AbsoluteUri).ToList();
        if (gone.Count > 0)
            Write([.. all.Except(gone)]);
        return gone;
    }

    private void Write(List<StoredLogin> logins)
    {
        var path = FilePath ?? throw new InvalidOperationException("there is no home folder");
        var folder = Path.GetDirectoryName(path)!;
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(folder);
        else
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        // Whole or not at all, and never readable by others, not for a moment.
        var draft = $"{path}.{Environment.ProcessId}.new";
        File.Delete(draft);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using (var file = new FileStream(draft, options))
            file.Write(JsonSerializer.SerializeToUtf8Bytes(new Document { Logins = logins }, JitJson.Options));
        File.Move(draft, path, overwrite: true);
    }

    private string? NonEmpty(string variable) => host.Environment(variable) is { Length: > 0 } value ? value : null;

    private sealed record Document
    {
        public List<StoredLogin> Logins { get; init; } = [];
    }
}
