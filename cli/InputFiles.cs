namespace JitGrains.Cli;

/// <summary>Reads files that the command line names, within limits.</summary>
internal static class InputFiles
{
    /// <summary>The file's bytes; null with one sentence that names the path where it cannot be read.</summary>
    public static byte[]? Read(string path, int limit, out string problem)
    {
        problem = "";
        try
        {
            if (Directory.Exists(path))
            {
                problem = $"{path} is a folder";
                return null;
            }

            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var buffer = new MemoryStream();
            var chunk = new byte[16 * 1024];
            for (int read; (read = stream.Read(chunk)) > 0;)
            {
                buffer.Write(chunk, 0, read);
                if (buffer.Length > limit)
                {
                    problem = $"{path} is larger than {limit / 1024} KiB";
                    return null;
                }
            }

            return buffer.ToArray();
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            problem = $"{path} does not exist";
        }
        catch (UnauthorizedAccessException)
        {
            problem = $"{path} may not be read by this user";
        }
        catch (Exception e) when (e is IOException or ArgumentException or NotSupportedException)
        {
            problem = $"{path} cannot be read";
        }

        return null;
    }
}
