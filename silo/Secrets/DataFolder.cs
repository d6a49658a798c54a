using System.Runtime.Versioning;

namespace JitGrains.Silo.Secrets;

/// <summary>
/// The folder with everything that must survive a restart: the store, the keys, the development issuer. Only its owner
/// may look into it (folders 0700, files 0600); anything looser is refused. Thread-safe.
/// </summary>
public sealed class DataFolder
{
    internal const UnixFileMode PrivateFolder = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    internal const UnixFileMode PrivateFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private const UnixFileMode Others =
        UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute |
        UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    private DataFolder(string path) => Path = path;

    /// <summary>Its full path.</summary>
    public string Path { get; }

    /// <summary>Opens the folder, and creates it if it is not there.</summary>
    /// <exception cref="StartupException">It, or anything in it, can be read or changed by others, or is a symbolic link; or it cannot be created.</exception>
    public static DataFolder Open(string path)
    {
        var full = System.IO.Path.GetFullPath(path);
        try
        {
            if (File.Exists(full))
                throw new StartupException($"The data folder {full} is a file.");
            if (OperatingSystem.IsWindows())
            {
                Directory.CreateDirectory(full);
            }
            else
            {
                if (!Directory.Exists(full))
                    Directory.CreateDirectory(full, PrivateFolder);
                StartupException.ThrowIfAny(ProblemsOf(full));
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"The data folder {full} cannot be used: {e.Message}", e);
        }

        return new DataFolder(full);
    }

    /// <summary>The full path of a file in the folder.</summary>
    public string PathOf(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Creates a file with mode 0600 and this content, on the disk before this returns. Never replaces a file.</summary>
    /// <exception cref="IOException">The file exists, or cannot be written.</exception>
    public void WriteNew(string name, ReadOnlySpan<byte> content) => WriteNewFile(PathOf(name), content);

    /// <summary>As <see cref="WriteNew"/>, in place of what is there.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Replace(string name, ReadOnlySpan<byte> content) => WriteFile(PathOf(name), content, overwrite: true);

    internal static void WriteNewFile(string path, ReadOnlySpan<byte> content) => WriteFile(path, content, overwrite: false);

    private static void WriteFile(string path, ReadOnlySpan<byte> content, bool overwrite)
    {
        // Written beside and moved, so that a crash in between leaves no half a secret.
        var draft = path + ".new";
        File.Delete(draft);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = PrivateFile;
        using (var stream = new FileStream(draft, options))
        {
            stream.Write(content);
            stream.Flush(flushToDisk: true);
        }

        File.Move(draft, path, overwrite);
    }

    [UnsupportedOSPlatform("windows")]
    private static List<string> ProblemsOf(string folder)
    {
        var problems = new List<string>();
        Check(new DirectoryInfo(folder), problems);
        foreach (var entry in new DirectoryInfo(folder).EnumerateFileSystemInfos("*", new EnumerationOptions
        {
            RecurseSubdirectories = true,
            AttributesToSkip = FileAttributes.None,
            IgnoreInaccessible = false,
        }))
        {
            Check(entry, problems);
        }

        return problems;
    }

    [UnsupportedOSPlatform("windows")]
    private static void Check(FileSystemInfo entry, List<string> problems)
    {
        var wanted = entry is DirectoryInfo ? "700" : "600";
        if (entry.LinkTarget is not null)
            problems.Add($"{entry.FullName} is a symbolic link; the data folder holds real files only.");
        else if ((entry.UnixFileMode & Others) != UnixFileMode.None)
            problems.Add($"{entry.FullName} is open to others (mode {Convert.ToString((int)entry.UnixFileMode, 8)}); run: chmod {wanted} {entry.FullName}");
    }
}
