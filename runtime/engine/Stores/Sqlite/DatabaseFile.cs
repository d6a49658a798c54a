using System.Runtime.Versioning;
using Microsoft.Data.Sqlite;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// The database file of one process: it holds a lock beside the file as long as it lives, and nobody but its owner can
/// read the folder or anything in it that is ours.
/// </summary>
internal sealed class DatabaseFile : IDisposable
{
    public const string Name = "jitgrains.db";

    private const UnixFileMode PrivateFolder = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode PrivateFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly FileStream lockFile;

    private DatabaseFile(string path, FileStream lockFile, int found) => (Path, this.lockFile, FoundVersion) = (path, lockFile, found);

    public string Path { get; }

    /// <summary>The schema's version before it was opened; 0 where there was no file.</summary>
    public int FoundVersion { get; }

    /// <summary>Creates folder and file where they are missing, takes the lock, and brings the schema up to this version's.</summary>
    public static DatabaseFile Open(string folder)
    {
        var path = System.IO.Path.Combine(System.IO.Path.GetFullPath(folder), Name);
        FileStream? held = null;
        try
        {
            CreateFolder(System.IO.Path.GetDirectoryName(path)!);
            CheckModes(path);
            held = TakeLock(path);
            if (!File.Exists(path))
                Create(path, FileMode.CreateNew).Dispose();
            using var db = Db.Open(path, writer: true);
            return new DatabaseFile(path, held, SqliteSchema.Migrate(db, path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SqliteException)
        {
            held?.Dispose();
            throw new StoreOpenException($"The database {path} cannot be opened: {e.Message}", e);
        }
        catch
        {
            held?.Dispose();
            throw;
        }
    }

    public void Dispose() => lockFile.Dispose();

    private static void CreateFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(folder);
        else if (!Directory.Exists(folder))
            Directory.CreateDirectory(folder, PrivateFolder);
    }

    private static void CheckModes(string path)
    {
        if (OperatingSystem.IsWindows())
            return;
        var problems = new List<string>();
        Check(new DirectoryInfo(System.IO.Path.GetDirectoryName(path)!), PrivateFolder, problems);
        foreach (var suffix in (string[])["", "-wal", "-shm", ".lock", ".owner"])
            Check(new FileInfo(path + suffix), PrivateFile, problems);
        if (problems.Count > 0)
            throw new StoreOpenException(string.Join(Environment.NewLine, problems));
    }

    [UnsupportedOSPlatform("windows")]
    private static void Check(FileSystemInfo entry, UnixFileMode most, List<string> problems)
    {
        if (entry.Exists && (entry.UnixFileMode & ~most) != UnixFileMode.None)
        {
            problems.Add(
                $"{entry.FullName} is open to others (mode {Convert.ToString((int)entry.UnixFileMode, 8)}); "
                + $"run: chmod {Convert.ToString((int)most, 8)} {entry.FullName}");
        }
    }

    // The operating system lets go of the lock when the process ends, however it ends. The owner's id is in a file of
    // its own, because a locked file cannot be read.
    private static FileStream TakeLock(string path)
    {
        FileStream taken;
        try
        {
            taken = Create(path + ".lock", FileMode.OpenOrCreate);
        }
        catch (IOException e)
        {
            throw new StoreOpenException($"The database {path} is in use by another process{Owner(path)} (lock file {path}.lock).", e);
        }

        using var owner = new StreamWriter(Create(path + ".owner", FileMode.Create));
        owner.Write(Environment.ProcessId);
        return taken;
    }

    private static string Owner(string path)
    {
        try
        {
            return int.TryParse(File.ReadAllText(path + ".owner"), out var id) ? $", process {id}" : "";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    private static FileStream Create(string path, FileMode mode)
    {
        var options = new FileStreamOptions { Mode = mode, Access = FileAccess.ReadWrite, Share = FileShare.None };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = PrivateFile;
        return new FileStream(path, options);
    }
}
