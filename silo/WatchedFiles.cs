namespace JitGrains.Silo;

/// <summary>
/// Tells when files changed, by looking at them now and then. A change counts only when two looks in a row saw the same, so that
/// one that is still being written is not read. Links are followed: mounted files change by them. For one reader at a time.
/// </summary>
public sealed class WatchedFiles
{
    private readonly IReadOnlyList<string> paths;
    private string taken;
    private string seen;

    /// <summary>Begins to watch; the files as they are now count as taken.</summary>
    public WatchedFiles(IReadOnlyList<string> paths)
    {
        this.paths = paths;
        taken = seen = Fingerprint();
    }

    /// <summary>Looks once; true, and only once, where there is a change to take.</summary>
    public bool Changed()
    {
        var now = Fingerprint();
        var settled = now == seen;
        seen = now;
        if (!settled || now == taken)
            return false;
        taken = now;
        return true;
    }

    private string Fingerprint() => string.Join('\n', paths.Select(path =>
    {
        try
        {
            using var file = File.OpenHandle(path);
            return $"{path} {RandomAccess.GetLength(file)} {File.GetLastWriteTimeUtc(file).Ticks}";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"{path} {e.Message}";
        }
    }));
}
