import java.net.URL;
import java.net.URLClassLoader;

/** The system's class loader as Hama, which is for Java 8, expects it: one that URLs can be added to. */
public class Loader extends URLClassLoader {
  public Loader(ClassLoader parent) {
    super(new URL[0], parent);
  }
}
