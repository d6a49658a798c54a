namespace JitGrains.UnitTests.Policy;

/// <summary>Files of the repository.</summary>
internal static class Files
{
    private static readonly Lazy<string> Root = new(() =>
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "JitGrains.sln")))
            folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException("The tests run from within the repository.");
    });

    public static string PathTo(string relative) => Path.Combine(Root.Value, relative);

    public static string Read(string relative) => File.ReadAllText(PathTo(relative));
}
